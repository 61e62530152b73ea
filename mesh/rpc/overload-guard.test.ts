import { type Client, Code, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { describe, expect, test } from "vitest";
import { ANONYMOUS, type Caller } from "../identity/index.ts";
import { createLog } from "../observe/index.ts";
import { WARM_UP_MS } from "../policy/admission/limits.ts";
import { systemRuntime } from "../runtime/index.ts";
import { expectFailure } from "../testing/expect-failure.ts";
import { fakeTime } from "../testing/fake-time.ts";
import { HeaderList } from "../wire/index.ts";
import { backgroundCall, currentCall, runInCall } from "./call.ts";
import { memoryTransport } from "./client.ts";
import { EchoService } from "./fixtures/echo-contract.ts";
import { startEcho } from "./fixtures/echo-server.ts";
import { echo, startRawEcho } from "./fixtures/raw-call.ts";
import { createOverloadGuard, type OverloadGuard } from "./overload-guard.ts";

const SERVICE: Caller = { ...ANONYMOUS, kind: "service", id: "order", service: "order" };
const USER: Caller = { ...ANONYMOUS, kind: "user", id: "usr_1" };
const { getCustomer, listCustomers } = CustomerService.method;

/** A guard, and a process that takes ten milliseconds for each call. */
const start = () => {
  const time = fakeTime();
  const lines: Record<string, unknown>[] = [];
  const ends: (() => void)[] = [];
  const guard = createOverloadGuard({
    clock: time.clock,
    timers: { ...time.timers, afterTurn: (fire) => void ends.push(fire) },
    random: systemRuntime().random,
    log: createLog({
      service: "loom",
      level: "info",
      clock: time.clock,
      destination: { write: (line) => lines.push(JSON.parse(line)) },
    }),
  });
  const enter = (method = getCustomer, headers: Record<string, string> = {}, caller = USER) =>
    guard.enter(method, HeaderList.of(headers), "192.0.2.1:1", () => caller);
  /** A turn in which so many calls come; returns how many were shed. */
  const turn = (guarded: ReturnType<typeof enter>, calls: number): number => {
    let shed = 0;
    for (let call = 0; call < calls; call++) {
      if (guarded.check() === undefined) time.clock.advance(10);
      else shed++;
    }
    for (const end of ends.splice(0)) end();
    return shed;
  };
  const overload = () => {
    const guarded = enter();
    // No longer new.
    turn(guarded, 1);
    time.clock.advance(WARM_UP_MS);
    for (let turns = 0; turns < 30; turns++) turn(guarded, 100);
  };
  return { time, lines, guard, enter, turn, overload };
};

describe("the guard", () => {
  test("sheds what is more than the process can do, with the time to wait", () => {
    const { enter, overload, guard } = start();
    overload();
    const errors = Array.from({ length: 50 }, () => enter().check()).filter((error) => error !== undefined);
    expect(errors.length).toBeGreaterThan(20);
    expect(errors[0]).toMatchObject({ code: Code.ResourceExhausted });
    const waits = new Set(errors.map(({ metadata }) => Number(metadata.get("grpc-retry-pushback-ms"))));
    expect(waits.size).toBeGreaterThan(3);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_500);
    expect(guard.describe()).toMatchObject({ isOverloaded: true, toleratedMs: 100 });
  });

  test("writes a line a second, however much is shed, and none when it is over", async () => {
    const { time, lines, overload, enter, turn } = start();
    overload();
    expect(lines).toEqual([]);
    await time.advance(1_000);
    expect(lines).toMatchObject([{ level: "warn", shed: { low: 0, high: 0 }, callers: 1 }]);
    const [{ shed } = {}] = lines as { shed: { normal: number } }[];
    expect(shed?.normal).toBeGreaterThan(1_000);
    turn(enter(), 200);
    await time.advance(1_000);
    expect(lines).toHaveLength(2);
    await time.advance(60_000);
    expect(lines).toHaveLength(2);
  });

  test("knows how urgent a call is by its contract", () => {
    const { enter } = start();
    expect(enter(listCustomers as never).priority).toBe("low");
    expect(enter(getCustomer).priority).toBe("normal");
    expect(enter(BillingService.method.voidPayment as never).priority).toBe("critical");
    for (const method of [RegistryService.method.register, RegistryService.method.watch, Health.method.check]) {
      expect(enter(method as never).priority).toBe("critical");
    }
  });

  test("hears of a higher priority from services alone, and of a lower one from nobody", () => {
    const { enter } = start();
    const asks = (priority: string, caller: Caller) =>
      enter(getCustomer, { "heddle-priority": priority }, caller).priority;
    expect(asks("critical", SERVICE)).toBe("critical");
    expect(asks("high", { ...USER, service: "order" })).toBe("high");
    expect(asks("critical", USER)).toBe("normal");
    expect(asks("critical", ANONYMOUS)).toBe("normal");
    expect(asks("low", SERVICE)).toBe("normal");
    expect(asks("root", SERVICE)).toBe("normal");
  });

  test("never sheds what is critical", () => {
    const { enter, overload, turn } = start();
    overload();
    expect(turn(enter(Health.method.check as never), 1_000)).toBe(0);
  });
});

/** A guard that sheds everything. */
const full = (): OverloadGuard => {
  const { enter, overload, guard } = start();
  overload();
  const guarded = enter(EchoService.method.say as never);
  const shed = () => {
    for (;;) {
      const error = guarded.check();
      if (error !== undefined) return error;
    }
  };
  return { enter: () => ({ priority: "normal", check: shed }), describe: () => guard.describe() };
};

describe("a server", () => {
  test.each(["heddle", "node"] as const)("answers a call that is shed before it is read, by %s", async (wire) => {
    let served = 0;
    const server = await startEcho({ say: () => ({ text: String(served++) }) }, { overload: full(), wire });
    const baseUrl = server.url;
    const ways: [string, Client<typeof EchoService>][] = [
      ["grpc", server.client],
      ["memory", server.memory],
      ["connect", clientOf(createConnectTransport({ baseUrl, httpVersion: "1.1" }))],
      ["grpc-web", clientOf(createGrpcWebTransport({ baseUrl, httpVersion: "2" }))],
    ];
    for (const [way, client] of ways) {
      expect([way, await expectFailure(client.say({ text: "far too long to be valid" }))]).toMatchObject([
        way,
        { code: "ResourceExhausted", reason: "OVERLOADED", domain: "echo.v1", retryable: true },
      ]);
    }
    const replies = server.client.repeat({ text: "ab" })[Symbol.asyncIterator]();
    expect(await expectFailure(replies.next())).toMatchObject({ reason: "OVERLOADED" });
    expect(served).toBe(0);
    expect(server.log.filter(({ level }) => level !== "debug")).toEqual([]);
  });

  test("without policies sheds nothing by itself, and with them has a guard of its own", async () => {
    for (const policies of [true, false]) {
      const { client } = await startEcho({}, { policies });
      expect(await client.say({ text: "a" })).toMatchObject({ text: "a" });
    }
  });
});

const clientOf = (transport: Transport) => createClient(EchoService, transport);

describe("what is called for a call", () => {
  /** What `say` says of its priority to whom it calls. */
  const passedOn = async (guard: OverloadGuard) => {
    const heard: (string | null)[] = [];
    const inner = await startEcho({
      say(request, context) {
        heard.push(context.requestHeader.get("heddle-priority"));
        return request;
      },
    });
    const runtime = systemRuntime();
    const client = createClient(EchoService, memoryTransport(inner.server, runtime));
    const outer = await startEcho({ say: (request) => client.say(request) }, { overload: guard });
    await outer.client.say({ text: "a" });
    const connect = clientOf(createConnectTransport({ baseUrl: outer.url, httpVersion: "1.1" }));
    await connect.say({ text: "a" });
    return { heard, client };
  };
  const guardOf = (priority: "low" | "normal" | "high" | "critical"): OverloadGuard => ({
    ...full(),
    enter: () => ({ priority, check: () => undefined }),
  });

  test("is as urgent, where that is more than usual", async () => {
    expect((await passedOn(guardOf("critical"))).heard).toEqual(["critical", "critical"]);
    expect((await passedOn(guardOf("high"))).heard).toEqual(["high", "high"]);
    expect((await passedOn(guardOf("normal"))).heard).toEqual([null, null]);
    expect((await passedOn(guardOf("low"))).heard).toEqual([null, null]);
  });

  test("is critical for what must be undone in the background", async () => {
    const { heard, client } = await passedOn(guardOf("normal"));
    heard.length = 0;
    await runInCall(backgroundCall("", { isCritical: true }), () => client.say({ text: "a" }));
    await runInCall(backgroundCall(""), () => client.say({ text: "a" }));
    expect(heard).toEqual(["critical", null]);
  });
});

describe("work whose deadline has passed is not begun", () => {
  test("when its request comes whole too late, though the timer has not fired yet", async () => {
    let served = 0;
    const server = await startRawEcho({
      async *repeat(request) {
        served++;
        yield request;
      },
    });
    const call = server.call("Repeat", { "grpc-timeout": "100m" });
    await server.settle();
    server.time.clock.advance(101);
    call.data(echo("a"), true);
    await server.settle();
    expect([served, call.statuses]).toEqual([0, [String(Code.DeadlineExceeded)]]);
  });

  test("after its request id was looked up, which may have had to wait", async () => {
    const time = fakeTime();
    const runtime = { ...systemRuntime(), ...time };
    let served = 0;
    const { memory } = await startEcho(
      {
        say(request) {
          served++;
          return request;
        },
      },
      {
        runtime,
        async findReply() {
          expect(currentCall()).toBeDefined();
          time.clock.advance(1_000);
          return undefined;
        },
      },
    );
    const late = expectFailure(
      memory.say({ text: "a", requestId: "5f0c1f4e-6f0e-4d5e-9d5c-0d9a5f7e9a11" }, { timeoutMs: 500 }),
    );
    expect(await late).toMatchObject({ code: "DeadlineExceeded" });
    expect(served).toBe(0);
  });
});

test("a guard of a running server holds nobody up and tells so", async () => {
  const runtime = systemRuntime();
  const log = createLog({
    service: "t",
    level: "silent",
    clock: runtime.clock,
    destination: { write: () => undefined },
  });
  const overload = createOverloadGuard({ ...runtime, log });
  const { client } = await startEcho({}, { overload });
  await Promise.all(Array.from({ length: 500 }, () => client.say({ text: "a" })));
  expect(overload.describe()).toMatchObject({
    isOverloaded: false,
    shed: { low: 0, normal: 0, high: 0 },
    admitted: 500,
  });
});
