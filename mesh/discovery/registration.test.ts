import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type RegisterRequest,
  type RegisterResponse,
  RegisterResponseSchema,
  RegistryService,
  ServingState,
} from "@heddle/contracts/heddle/registry/v1";
import { describe, expect, onTestFinished, test } from "vitest";
import { descriptorSetOf, parseDescriptorSet } from "../contract/descriptor-set.ts";
import { fail, reasons } from "../contract/fail.ts";
import { createLog } from "../observe/index.ts";
import { EchoService } from "../rpc/fixtures/echo-contract.ts";
import { createRpcServer, implementation, memoryTransport } from "../rpc/index.ts";
import { systemRandom, systemRuntime } from "../runtime/index.ts";
import { type FakeTime, fakeTime } from "../testing/fake-time.ts";
import { type Offer, type Refusal, register } from "./registration.ts";

const AWAY = reasons("test")("AWAY", Code.Unavailable, "away");
const REFUSED = reasons("test")("REFUSED", Code.FailedPrecondition, "refused");
const contract = descriptorSetOf([EchoService]);
const offer: Offer = {
  instanceId: "ins_1",
  address: "127.0.0.1:4000",
  definition: { name: "echo", version: "1.2.3" },
  services: [EchoService],
};

type Body = RegisterResponse["body"];

/** One Register stream as the registry sees it. */
interface Lease {
  readonly heard: RegisterRequest["body"][];
  say(body: Body): void;
  /** The registry ends the stream. */
  end(error?: Error): void;
  /** Whether the instance has ended its half. */
  left: boolean;
}

/** A registry that does what the test says, and an instance that registers with it. */
const start = ({ answersLeave = true } = {}) => {
  const time: FakeTime = fakeTime();
  const runtime = { ...systemRuntime(), ...time, random: { ...systemRandom, below: () => 0 } };
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    service: "echo",
    level: "debug",
    clock: time.clock,
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const leases: Lease[] = [];
  const refusals: Refusal[] = [];
  async function* answer(requests: AsyncIterable<RegisterRequest>) {
    const outbox = Promise.withResolvers<void>();
    const queue: (Body | Error | "end")[] = [];
    let wake = outbox.resolve;
    let woken = outbox.promise;
    const put = (item: Body | Error | "end") => {
      queue.push(item);
      wake();
    };
    const lease: Lease = { heard: [], left: false, say: put, end: (error) => put(error ?? "end") };
    leases.push(lease);
    void (async () => {
      for await (const { body } of requests) lease.heard.push(body);
      lease.left = true;
      if (answersLeave) put("end");
    })().catch(() => undefined);
    for (;;) {
      await woken;
      ({ promise: woken, resolve: wake } = Promise.withResolvers<void>());
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        if (item === "end") return;
        if (item instanceof Error) throw item;
        yield create(RegisterResponseSchema, { body: item });
      }
    }
  }
  const server = createRpcServer({
    implementations: [
      implementation(RegistryService, {
        register: answer,
        watch: async function* none() {},
        listServices: () => ({}),
        listInstances: () => ({}),
        getContract: () => ({}),
      }),
    ],
    runtime,
    log: createLog({
      service: "registry",
      level: "silent",
      clock: time.clock,
      destination: { write: () => undefined },
    }),
  });
  const registration = register({
    instance: offer,
    transport: memoryTransport(server, runtime),
    runtime,
    log,
    onRefused: (refusal) => refusals.push(refusal),
  });
  onTestFinished(async () => {
    const left = registration.leave();
    await time.advance(1_000);
    await left;
  });
  return { time, leases, registration, refusals, log: lines };
};

const registeredEvery = (seconds: bigint): Body => ({
  case: "registered",
  value: {
    $typeName: "heddle.registry.v1.Registered",
    leaseId: "lse_1",
    heartbeatInterval: { $typeName: "google.protobuf.Duration", seconds, nanos: 0 },
  },
});
const needed = (...contractHashes: string[]): Body => ({
  case: "contractsNeeded",
  value: { $typeName: "heddle.registry.v1.ContractsNeeded", contractHashes },
});
const admitted: Body = {
  case: "admitted",
  value: { $typeName: "heddle.registry.v1.Admitted", packages: ["echo.v1"] },
};

test("an instance tells what it serves, and sends a contract only when it is asked", async () => {
  const { time, leases, registration } = start();
  await expect.poll(() => leases[0]?.heard).toHaveLength(1);
  expect(leases[0]?.heard[0]).toMatchObject({
    case: "instance",
    value: {
      instanceId: "ins_1",
      serviceName: "echo",
      version: "1.2.3",
      address: "127.0.0.1:4000",
      state: ServingState.SERVING,
      processId: BigInt(process.pid),
      packages: [{ name: "echo.v1", services: ["echo.v1.EchoService"], contractHash: contract.hash }],
    },
  });
  leases[0]?.say(registeredEvery(5n));
  leases[0]?.say(needed("0".repeat(64), contract.hash));
  await expect.poll(() => leases[0]?.heard.map(({ case: kind }) => kind)).toEqual(["instance", "contract"]);
  const sent = leases[0]?.heard[1];
  if (sent?.case !== "contract") return expect.fail(sent?.case);
  expect(sent.value.contractHash).toBe(contract.hash);
  const { registry } = parseDescriptorSet(sent.value.fileDescriptorSet, "test");
  expect(registry.getService("echo.v1.EchoService")?.methods).toHaveLength(5);
  leases[0]?.say(admitted);
  await registration.registered;
  expect(time.clock.monotonicMs()).toBe(0);
});

test("it is registered when it is admitted, and no sooner", async () => {
  const { leases, registration } = start();
  let known = false;
  void registration.registered.then(() => {
    known = true;
  });
  await expect.poll(() => leases).toHaveLength(1);
  leases[0]?.say(registeredEvery(5n));
  await new Promise((resolve) => setImmediate(resolve));
  expect(known).toBe(false);
  leases[0]?.say(admitted);
  await expect.poll(() => known).toBe(true);
});

test("it sends a heartbeat in each interval that the registry gives", async () => {
  const { time, leases } = start();
  await expect.poll(() => leases).toHaveLength(1);
  leases[0]?.say(registeredEvery(5n));
  leases[0]?.say(admitted);
  await expect.poll(() => time.pending()).toBe(1);
  await time.advance(15_000);
  await expect
    .poll(() => leases[0]?.heard.map(({ case: kind }) => kind))
    .toEqual(["instance", "heartbeat", "heartbeat", "heartbeat"]);
});

test("it registers again when the registry has ended the stream, or lost it", async () => {
  const { time, leases, log } = start();
  for (const [index, error] of [undefined, fail(AWAY, {}), new Error("broken")].entries()) {
    await expect.poll(() => leases).toHaveLength(index + 1);
    leases[index]?.say(admitted);
    await expect.poll(() => log.filter(({ msg }) => msg === "registered")).toHaveLength(index + 1);
    leases[index]?.end(error);
    await expect.poll(() => time.pending()).toBe(1);
    await time.advance(50);
  }
  await expect.poll(() => leases).toHaveLength(4);
  for (const { heard } of leases) expect(heard[0]?.case).toBe("instance");
});

test("it tries less and less often while the registry is away, and says so when that lasts", async () => {
  const { time, leases, log } = start();
  const delays: number[] = [];
  for (let i = 0; i < 9; i++) {
    await expect.poll(() => leases).toHaveLength(i + 1);
    leases[i]?.end(fail(AWAY, {}));
    await expect.poll(() => time.pending()).toBe(1);
    const fromMs = time.clock.monotonicMs();
    while (leases.length === i + 1) await time.advance(25);
    delays.push(time.clock.monotonicMs() - fromMs);
  }
  expect(delays).toEqual([25, 50, 100, 200, 400, 800, 1000, 1000, 1000]);
  const told = log.filter(({ msg }) => msg === "registry not reached");
  expect(told.map(({ level }) => level)).toEqual([...Array(6).fill("debug"), "warn", "warn", "warn"]);
  expect(told.at(-1)).toMatchObject({ code: "Unavailable", reason: "away" });
});

test("a leave ends the stream, waits for the registry's word, and leaves nothing behind", async () => {
  const { time, leases, registration } = start();
  await expect.poll(() => leases).toHaveLength(1);
  leases[0]?.say(registeredEvery(5n));
  leases[0]?.say(admitted);
  await registration.registered;
  await registration.leave();
  expect(leases[0]?.left).toBe(true);
  expect(time.pending()).toBe(0);
  await time.advance(60_000);
  expect(leases).toHaveLength(1);
});

test("a leave does not wait longer than a second for a registry that hangs", async () => {
  const { time, leases, registration } = start({ answersLeave: false });
  await expect.poll(() => leases).toHaveLength(1);
  let left = false;
  const leave = registration.leave().then(() => {
    left = true;
  });
  await time.advance(999);
  expect(left).toBe(false);
  await time.advance(1);
  await leave;
});

test("a leave while the registry is away ends the tries", async () => {
  const { time, leases, registration } = start();
  await expect.poll(() => leases).toHaveLength(1);
  leases[0]?.end(fail(AWAY, {}));
  await expect.poll(() => time.pending()).toBe(1);
  await registration.leave();
  expect(time.pending()).toBe(0);
  expect(leases).toHaveLength(1);
});

describe("a refusal", () => {
  const refused: Body = {
    case: "refused",
    value: {
      $typeName: "heddle.registry.v1.Refused",
      nextSteps: ["undo it"],
      violations: [
        {
          $typeName: "heddle.registry.v1.ContractViolation",
          file: "echo.proto",
          line: 3,
          element: "echo.v1.Echo.text",
          rule: "FIELD_SAME_TYPE",
          message: "no",
          before: "string text = 1",
          after: "int32 text = 1",
          package: "echo.v1",
        },
      ],
    },
  };
  const told = {
    message: "the registry refuses this contract: it would break callers of echo.v1",
    violations: ["echo.proto:3: FIELD_SAME_TYPE: no"],
    nextSteps: ["undo it"],
  };

  test("is told once with its violations and what to do, and tried again less and less often", async () => {
    const { time, leases, log, refusals } = start();
    const delays: number[] = [];
    for (let i = 0; i < 6; i++) {
      await expect.poll(() => leases).toHaveLength(i + 1);
      leases[i]?.say(refused);
      leases[i]?.end(fail(REFUSED, {}));
      await expect.poll(() => time.pending()).toBe(1);
      const fromMs = time.clock.monotonicMs();
      while (leases.length === i + 1) await time.advance(500);
      delays.push(time.clock.monotonicMs() - fromMs);
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(refusals).toEqual([told]);
    expect(log.filter(({ level }) => level === "error")).toMatchObject([
      { msg: told.message, violations: told.violations, next: told.nextSteps },
    ]);
  });

  test("ends with an admission, and is told again after one", async () => {
    const { time, leases, registration, refusals } = start();
    for (const [index, body] of [refused, admitted, refused].entries()) {
      await expect.poll(() => leases).toHaveLength(index + 1);
      leases[index]?.say(body);
      leases[index]?.end();
      await expect.poll(() => time.pending()).toBe(1);
      if (index < 2) await time.advance(1_000);
    }
    await registration.registered;
    expect(refusals).toEqual([told, told]);
  });

  test("may be an error that says that the instance is not right", async () => {
    const { time, leases, refusals } = start();
    await expect.poll(() => leases).toHaveLength(1);
    leases[0]?.end(fail(REFUSED, {}));
    await expect.poll(() => refusals).toEqual([{ message: "refused", violations: [], nextSteps: [] }]);
    await expect.poll(() => time.pending()).toBe(1);
    await time.advance(999);
    expect(leases).toHaveLength(1);
    await time.advance(1);
    await expect.poll(() => leases).toHaveLength(2);
  });
});
