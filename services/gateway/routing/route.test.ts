import { toJson } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServingState } from "@heddle/contracts/heddle/registry/v1";
import { createLog } from "@heddle/mesh/observe";
import { createRpcServer, type HttpHandler } from "@heddle/mesh/rpc";
import { systemRuntime, type Timers } from "@heddle/mesh/runtime";
import { fakeTime } from "@heddle/mesh/testing";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, onTestFinished, test, vi } from "vitest";
import { createEdge } from "../edge/edge.ts";
import { contractOf, instanceOf, type TestContract } from "../fixtures/contract.ts";
import { NO_MIRRORS, NO_TRAFFIC } from "../fixtures/no-traffic.ts";
import { createBalancing } from "../registry/balancing.ts";
import { createContracts } from "../registry/contracts.ts";
import { createInstances } from "../registry/instances.ts";
import { createLearning, LEARNING_MS } from "../registry/learning.ts";
import { createCarrier } from "../relay/carry.ts";
import { createRelay, type Relay, type Route } from "../relay/relay.ts";
import { createUpstreams } from "../relay/upstreams.ts";
import { createSharedReplies } from "../replies/share-replies.ts";
import type { Translator } from "../translate/translate.ts";
import { createMethodRoutes } from "./method-routes.ts";
import { routeCalls } from "./route.ts";

const one = contractOf("loom.v1", { LoomService: ["Weave"] });
const two = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] });

const silent = createLog({
  service: "gateway",
  level: "silent",
  clock: systemRuntime().clock,
  destination: { write: () => undefined },
});

const addressOf = ({ candidate }: Route): string => candidate.endpoint.address;

/** A router on a port, whose relay answers with where it would have gone. */
const start = async (relaySend?: Relay["send"], timers: Timers = systemRuntime().timers) => {
  const instances = createInstances();
  const contracts = createContracts();
  const routes: Route[] = [];
  const relay: Relay = {
    send:
      relaySend ??
      ((stream, _headers, _end, route) => {
        routes.push(route);
        stream.sendHeaders(HeaderList.of({ ":status": "200" }), undefined, false);
        stream.sendData(Buffer.from("relayed"), true);
      }),
    forget: () => undefined,
    drain: () => undefined,
    close: () => undefined,
  };
  const translated: string[] = [];
  const translator: Translator = {
    answer: (stream, _headers, _end, method) => {
      translated.push(method.name);
      stream.sendHeaders(HeaderList.of({ ":status": "200" }), undefined, true);
    },
  };
  const runtime = systemRuntime();
  const balancing = createBalancing({ instances, runtime });
  const methodRoutes = createMethodRoutes({ instances, contracts, balancing });
  const carry = createCarrier({ routes: methodRoutes, relay, timers, traffic: NO_TRAFFIC, mirrors: NO_MIRRORS });
  const server = createRpcServer({
    implementations: [],
    runtime,
    log: silent,
    unmatched: routeCalls({
      routes: methodRoutes,
      contracts,
      carry,
      shared: createSharedReplies({
        clock: runtime.clock,
        timers,
        version: () => contracts.version(),
        carry,
        instanceId: "ins_me",
      }),
      translator,
      edge: createEdge([]),
      traffic: NO_TRAFFIC,
      timers,
      learning: createLearning(timers),
      doors: [],
      own: [Health],
    }),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    await server.drain(0);
  });
  const enter = (instanceId: string, contract: TestContract, address = `127.0.0.1:4${instanceId}`) => {
    contracts.add(contract.contract);
    const withdraw = contracts.admit([contract.offer]);
    const leave = instances.enter({ ...instanceOf(instanceId, contract), address });
    return () => {
      leave();
      withdraw();
    };
  };
  const call = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: "POST",
      headers: { "content-type": "application/grpc", ...headers },
      body: "{}",
    });
    const text = await response.text();
    const error = findTrailerError(response.headers);
    const details = [ErrorInfoSchema, RetryInfoSchema].flatMap((schema) =>
      (error?.findDetails(schema as typeof ErrorInfoSchema) ?? []).map((detail) => toJson(schema, detail)),
    );
    return { text, code: error?.code, message: error?.rawMessage, details };
  };
  return { instances, contracts, enter, call, routes, translated };
};

test("calls go to the instances that serve, by their path alone", async () => {
  const { enter, call, routes, instances } = await start();
  for (const id of ["001", "002", "003"]) enter(id, one);
  instances.setState("002", ServingState.DRAINING);
  for (let i = 0; i < 30; i++) expect((await call("/loom.v1.LoomService/Weave?x=y")).text).toBe("relayed");
  expect(new Set(routes.map(({ service }) => service))).toEqual(new Set(["loom.v1.LoomService"]));
  expect(new Set(routes.map(addressOf))).toEqual(new Set(["127.0.0.1:4001", "127.0.0.1:4003"]));
});

test("services of different names that serve one contract are told apart by the header heddle-service", async () => {
  const { call, routes, contracts, instances } = await start();
  contracts.add(one.contract);
  contracts.admit([one.offer]);
  for (const [id, serviceName] of [
    ["001", "loom"],
    ["002", "mill"],
    ["003", "mill"],
  ] as const) {
    instances.enter({ ...instanceOf(id, one), serviceName, address: `127.0.0.1:4${id}` });
  }
  const path = "/loom.v1.LoomService/Weave";
  expect(await call(path)).toMatchObject({
    code: Code.InvalidArgument,
    message: "loom.v1.LoomService is served by each of loom, mill. Name one of them by the header heddle-service.",
  });
  await call(path, { "heddle-service": "loom" });
  for (let i = 0; i < 30; i++) await call(path, { "heddle-service": "mill" });
  const [loom, ...mill] = routes.map(addressOf);
  expect([loom, new Set(mill)]).toEqual(["127.0.0.1:4001", new Set(["127.0.0.1:4002", "127.0.0.1:4003"])]);
  expect(await call(path, { "heddle-service": "quilt" })).toMatchObject({
    code: Code.Unavailable,
    message: expect.stringContaining("asks for another than loom, mill"),
  });
});

test("gRPC of any codec is relayed, and every other protocol is translated", async () => {
  const { enter, call, routes, translated } = await start();
  enter("001", one);
  const path = "/loom.v1.LoomService/Weave";
  const relayed = ["application/grpc", "application/grpc+proto", "application/grpc+json", "application/grpc;charset=x"];
  for (const type of relayed) await call(path, { "content-type": type });
  expect([routes.length, translated.length]).toEqual([4, 0]);
  const others = ["application/grpc-web", "application/grpc-web-text", "application/json", "application/connect+proto"];
  for (const type of others) await call(path, { "content-type": type });
  expect([routes.length, translated]).toEqual([4, ["Weave", "Weave", "Weave", "Weave"]]);
});

test("while two versions of a contract run, a call goes where its method is", async () => {
  const { enter, call, routes } = await start();
  enter("002", two);
  enter("001", one);
  for (let i = 0; i < 3; i++) await call("/loom.v1.LoomService/Rest");
  expect(new Set(routes.map(addressOf))).toEqual(new Set(["127.0.0.1:4002"]));
  for (let i = 0; i < 30; i++) await call("/loom.v1.LoomService/Weave");
  expect(new Set(routes.map(addressOf)).size).toBe(2);
});

test("a service whose instances have left is UNAVAILABLE, with the reason and when to try again", async () => {
  const { enter, call } = await start();
  enter("001", one)();
  const { code, message, details } = await call("/loom.v1.LoomService/Weave");
  expect(code).toBe(Code.Unavailable);
  expect(message).toBe(
    "No instance of loom.v1.LoomService takes calls now: its last instance, 001 at 127.0.0.1:4001, left.",
  );
  expect(details).toEqual([
    expect.objectContaining({ reason: "SERVICE_UNAVAILABLE", domain: "heddle.gateway" }),
    { retryDelay: "0.500s" },
  ]);
});

test("a service whose instances do not serve is UNAVAILABLE as well", async () => {
  const { enter, call, instances } = await start();
  enter("001", one);
  instances.setState("001", ServingState.STARTING);
  expect((await call("/loom.v1.LoomService/Weave")).message).toContain("starting");
});

test("a method that is not known is UNIMPLEMENTED, with the nearest one, be it the gateway's own", async () => {
  const { enter, call } = await start();
  enter("001", one);
  expect(await call("/loom.v1.LoomService/Waeve")).toMatchObject({
    code: Code.Unimplemented,
    message: expect.stringContaining("loom.v1.LoomService/Weave"),
  });
  expect((await call("/grpc.health.v1.Health/Chekc")).message).toContain("grpc.health.v1.Health/Check");
});

test("a service that nobody has told of is UNAVAILABLE while the gateway is new, then UNIMPLEMENTED", async () => {
  const { timers, advance } = fakeTime();
  const { enter, call } = await start(undefined, timers);
  expect(await call("/loom.v1.LoomService/Weave")).toMatchObject({
    code: Code.Unavailable,
    message: expect.stringContaining("just started"),
  });
  // Nothing that an instance could tell of.
  expect(await call("/favicon.ico")).toMatchObject({ code: Code.Unimplemented });
  enter("001", one);
  expect(await call("/loom.v1.LoomService/Waeve")).toMatchObject({ code: Code.Unimplemented });
  await advance(LEARNING_MS);
  expect(await call("/other.v1.OtherService/Weave")).toMatchObject({ code: Code.Unimplemented });
});

test("a service of this process is called without a socket, and waits for the call when it drains", async () => {
  const runtime = systemRuntime();
  const answers: (() => void)[] = [];
  const answer: HttpHandler = (stream) => {
    answers.push(() => {
      stream.sendHeaders(HeaderList.of({ ":status": "200" }), undefined, false);
      stream.sendData(Buffer.from("here"), true);
    });
  };
  const neighbour = createRpcServer({ implementations: [], runtime, log: silent, unmatched: answer });
  const neighbours = new Map([["loom.memory:0", neighbour]]);
  const relay = createRelay({
    runtime,
    instanceId: "ins_gateway",
    upstreams: createUpstreams("heddle", runtime, neighbours),
  });
  const { enter, call } = await start(relay.send);
  enter("001", one, "loom.memory:0");
  const running = call("/loom.v1.LoomService/Weave");
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  const drained = neighbour.drain(10_000);
  answers[0]?.();
  expect((await running).text).toBe("here");
  expect(await drained).toBe(0);
});

test("an instance may stay silent as long as the caller waits and the contract allows, and a little more", async () => {
  const { enter, call, routes } = await start();
  enter("001", one);
  const path = "/loom.v1.LoomService/Weave";
  for (const headers of [
    {},
    { "connect-timeout-ms": "1000" },
    { "grpc-timeout": "2S" },
    { "grpc-timeout": "99999999H" },
    { "grpc-timeout": "nonsense" },
    { "connect-timeout-ms": "-5" },
    { "connect-timeout-ms": "0" },
  ]) {
    await call(path, headers as Record<string, string>);
  }
  expect(routes.map(({ timeoutMs }) => timeoutMs)).toEqual([30_500, 1_500, 2_500, 30_500, 30_500, 30_500, 500]);
});

test("a call that cannot be sent is answered, and the gateway goes on", async () => {
  const { enter, call } = await start(() => {
    throw new TypeError("Invalid URL");
  });
  enter("001", one);
  for (let i = 0; i < 2; i++) {
    expect(await call("/loom.v1.LoomService/Weave")).toMatchObject({ code: Code.Unavailable });
  }
});
