import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { fakeTime } from "@heddle/mesh/testing";
import { ErrorCode, HeaderList } from "@heddle/mesh/wire";
import { describe, expect, test } from "vitest";
import { contractOf, instanceOf } from "../fixtures/contract.ts";
import { type AskedInstance, fakeInstances } from "../fixtures/fake-instances.ts";
import { NO_MIRRORS, NO_TRAFFIC } from "../fixtures/no-traffic.ts";
import { createBalancing } from "../registry/balancing.ts";
import { createContracts } from "../registry/contracts.ts";
import { createInstances } from "../registry/instances.ts";
import { createMethodRoutes } from "../routing/method-routes.ts";
import { createBackends } from "./backends.ts";

const PATH = "/loom.v1.LoomService/Weave";
const OK = [0, 0, 0, 0, 0];

const start = ({ addresses = ["loom:1", "loom:2"], callsMax = 1_000, isRead = false } = {}) => {
  const loom = contractOf("loom.v1", { LoomService: ["Weave"] }, { isRead });
  const time = fakeTime();
  const fakes = fakeInstances({ callsMax, clock: time.clock, timers: time.timers });
  const instances = createInstances();
  const contracts = createContracts();
  contracts.add(loom.contract);
  contracts.admit([loom.offer]);
  const enter = (address: string, serviceName = "loom") =>
    instances.enter({ ...instanceOf(address, loom), serviceName, address });
  for (const address of addresses) enter(address);
  const ownCalls: string[] = [];
  const own = {
    isOwn: (service: string) => service.startsWith("heddle."),
    transport: { unary: async ({ name }: { name: string }) => ownCalls.push(name) } as unknown as Transport,
  };
  const runtime = { ...systemRuntime(), ...time };
  const balancing = createBalancing({ instances, runtime });
  const backends = createBackends({
    runtime,
    instances,
    routes: createMethodRoutes({ instances, contracts, balancing }),
    upstreams: fakes.upstreams,
    traffic: NO_TRAFFIC,
    mirrors: NO_MIRRORS,
    own,
    instanceId: "ins_me",
  });
  const method = contracts.method(PATH) ?? expect.fail("no method");
  /** A call for a request with these headers; `answer` comes from the instance that is asked last. */
  const call = (
    headers: Record<string, string> = {},
    { signal, timeoutMs }: { signal?: AbortSignal; timeoutMs?: number } = {},
  ) => {
    const list = HeaderList.of({ ":method": "POST", ":path": "/v1/weave?x=1", ...headers });
    const transport = backends.transportFor(method, { headers: list, peer: "192.0.2.7:4711" });
    const reply = transport.unary(method as never, signal, timeoutMs, undefined, create(method.input));
    reply.catch(() => undefined);
    return reply;
  };
  const running = () => addresses.map((address) => fakes.running(address));
  const last = (): AskedInstance => fakes.asked.at(-1) ?? expect.fail("no instance was asked");
  return { ...fakes, time, call, last, enter, running, ownCalls, backends };
};

const succeed = ({ stream }: AskedInstance) => {
  stream.headers({ ":status": "200", "content-type": "application/grpc" });
  stream.data(String.fromCharCode(...OK));
  stream.trailers({ "grpc-status": "0" });
};

const failureOf = async (reply: Promise<unknown>) => {
  const error = await reply.then(() => expect.fail("the call succeeded"), ConnectError.from);
  return {
    code: Code[error.code],
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason,
    mayRetry: error.findDetails(RetryInfoSchema).length > 0,
  };
};

const UNREACHABLE = { code: "Unavailable", reason: "INSTANCE_UNREACHABLE", mayRetry: true };

test("calls go to the instances by gRPC, with the request's metadata and where it came from", async () => {
  const { call, asked, last } = start();
  for (let count = 0; count < 30; count++) {
    const reply = call({
      authorization: "Bearer mine",
      "content-type": "application/json",
      "content-length": "2",
      "accept-encoding": "gzip",
      "connect-timeout-ms": "9",
      "x-mine": "1",
      "x-forwarded-for": "10.0.0.1",
      connection: "close",
      via: "1.1 proxy",
    });
    succeed(last());
    await reply;
  }
  expect(new Set(asked.map(({ address }) => address))).toEqual(new Set(["loom:1", "loom:2"]));
  const headers = Object.fromEntries(last().headers);
  expect(headers).toEqual({
    ":method": "POST",
    ":scheme": "http",
    ":authority": "heddle",
    ":path": PATH,
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": expect.any(String),
    authorization: "Bearer mine",
    "x-mine": "1",
    "x-forwarded-for": "192.0.2.7",
    via: "1.1 proxy, 2.0 ins_me",
    traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-/),
  });
});

test("the trace goes on", async () => {
  const { call, last } = start();
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  void call({ traceparent: `00-${trace}-00f067aa0ba902b7-01` });
  expect(last().headers.get("traceparent")).toMatch(new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)`));
});

test("a call that an instance did not begin goes to the next", async () => {
  const { call, asked, last, running } = start();
  const reply = call();
  last().stream.breaks(ErrorCode.REFUSED_STREAM, "unprocessed");
  succeed(last());
  await reply;
  expect(asked.map(({ address }) => address).sort()).toEqual(["loom:1", "loom:2"]);
  expect(running()).toEqual([0, 0]);
});

test("an instance that cannot be reached leaves the call to another, and is told of when there is none", async () => {
  const { call, last, dead } = start();
  dead.add("loom:1");
  const reply = call();
  await expect.poll(() => last().address).toBe("loom:2");
  succeed(last());
  await reply;
  dead.add("loom:2");
  expect(await failureOf(call())).toEqual(UNREACHABLE);
});

test("an instance that ends the connection, or the stream, is unreachable", async () => {
  const { call, last, running } = start();
  for (const cause of ["connection", "peer"] as const) {
    const reply = call();
    last().stream.breaks(ErrorCode.CANCEL, cause);
    expect(await failureOf(reply)).toEqual(UNREACHABLE);
  }
  expect(running()).toEqual([0, 0]);
});

test("an answer that is not gRPC says so", async () => {
  const { call, last } = start();
  const reply = call();
  last().stream.headers({ ":status": "200", "content-type": "text/html" }, true);
  expect(await failureOf(reply)).toEqual({ code: "Internal", reason: "ANSWER_UNREADABLE", mayRetry: false });
});

test("an instance's own error comes as it is", async () => {
  const { call, last } = start();
  const reply = call();
  last().stream.headers(
    { ":status": "200", "content-type": "application/grpc", "grpc-status": "5", "grpc-message": "none", "x-why": "1" },
    true,
  );
  const error = await reply.then(() => expect.fail("the call succeeded"), ConnectError.from);
  expect([error.code, error.rawMessage, error.details, error.metadata.get("x-why")]).toEqual([5, "none", [], "1"]);
});

test("without an instance the call is refused with the reason, and by an owner's name it goes to that one's", async () => {
  const { call, last, enter } = start({ addresses: [] });
  expect(await failureOf(call())).toMatchObject({ code: "Unavailable", reason: "SERVICE_UNAVAILABLE" });
  enter("loom:1", "loom");
  enter("mill:1", "mill");
  expect(await failureOf(call())).toMatchObject({ code: "InvalidArgument", reason: "SERVICE_AMBIGUOUS" });
  void call({ "heddle-service": "mill" });
  expect(last().address).toBe("mill:1");
  expect(await failureOf(call({ "heddle-service": "quilt" }))).toMatchObject({ reason: "SERVICE_UNAVAILABLE" });
});

test("what the gateway serves itself it calls within the process", async () => {
  const { backends, ownCalls, asked } = start();
  const method = RegistryService.method.listServices;
  const transport = backends.transportFor(method, {
    headers: HeaderList.of({ ":method": "GET" }),
    peer: "192.0.2.7:1",
  });
  await transport.unary(method, undefined, undefined, undefined, {});
  expect([ownCalls, asked]).toEqual([["ListServices"], []]);
});

test("a call that has passed this gateway before is refused", async () => {
  const { call, asked } = start();
  expect(await failureOf(call({ via: "2.0 ins_me" }))).toMatchObject({ reason: "RELAY_LOOP" });
  expect(asked).toEqual([]);
});

describe("time", () => {
  test("a deadline is told to the instance, and kept here too", async () => {
    const { call, last, time } = start();
    const reply = call({}, { timeoutMs: 1_500 });
    expect(last().headers.get("grpc-timeout")).toBe("1500m");
    await time.advance(1_500);
    expect(await failureOf(reply)).toMatchObject({ code: "DeadlineExceeded", reason: "DEADLINE_EXCEEDED" });
    expect(last().stream.closed).toBe(true);
  });

  test("without one the call is bounded here, and the instance is told nothing", async () => {
    const { call, last, time } = start();
    const reply = call();
    expect(last().headers.has("grpc-timeout")).toBe(false);
    await time.advance(31_000);
    expect(await failureOf(reply)).toMatchObject({ code: "DeadlineExceeded", reason: "DEADLINE_EXCEEDED" });
  });

  test("a caller that leaves ends the call at the instance", async () => {
    const { call, last, running } = start();
    const leave = new AbortController();
    const reply = call({}, { signal: leave.signal });
    expect(running().sort()).toEqual([0, 1]);
    leave.abort();
    expect(await failureOf(reply)).toMatchObject({ code: "Canceled", reason: "CANCELLED" });
    expect(last().stream.sent.at(-1)).toEqual(["reset", ErrorCode.CANCEL]);
    expect(running()).toEqual([0, 0]);
  });
});

describe("a call that an instance has failed in passing", () => {
  const unavailable = ({ stream }: AskedInstance) =>
    stream.headers({ ":status": "200", "content-type": "application/grpc", "grpc-status": "14" }, true);

  test("goes to another when it may take effect twice", async () => {
    const { call, asked, last, time } = start({ isRead: true });
    const reply = call();
    unavailable(last());
    await time.advance(50);
    expect(new Set(asked.map(({ address }) => address))).toEqual(new Set(["loom:1", "loom:2"]));
    expect(last().headers.get("grpc-previous-rpc-attempts")).toBe("1");
    succeed(last());
    await reply;
  });

  test("fails when it may take effect only once", async () => {
    const { call, asked, last, time } = start();
    const reply = call();
    unavailable(last());
    await time.advance(50);
    expect(await failureOf(reply)).toMatchObject({ code: "Unavailable" });
    expect(asked).toHaveLength(1);
  });

  test("is told at once that nobody is there to be asked", async () => {
    const { call, dead, time } = start({ isRead: true });
    for (const address of ["loom:1", "loom:2"]) dead.add(address);
    const failed = failureOf(call());
    await time.advance(1);
    expect(await failed).toEqual(UNREACHABLE);
  });
});

describe("bounds", () => {
  test("an instance takes so many calls at once; those beyond go to the others, or are told to come back", async () => {
    const { call, asked, running } = start({ callsMax: 2 });
    const replies = Array.from({ length: 4 }, () => call());
    expect(running()).toEqual([2, 2]);
    expect(await failureOf(call())).toEqual({ code: "Unavailable", reason: "UPSTREAM_BUSY", mayRetry: true });
    for (const one of asked) succeed(one);
    await Promise.all(replies);
    expect(running()).toEqual([0, 0]);
  });

  test("callers who leave in crowds reset no more streams at once than an instance bears", async () => {
    const { call, asked, running, time } = start({ addresses: ["loom:1"] });
    const leave = new AbortController();
    for (let count = 0; count < 600; count++) void call({}, { signal: leave.signal });
    leave.abort();
    const resets = () => asked.filter(({ stream }) => stream.closed).length;
    expect(resets()).toBeLessThan(600);
    expect(running()[0]).toBe(600 - resets());
    await time.advance(60_000);
    expect([resets(), running()]).toEqual([600, [0]]);
  });
});
