import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { register } from "@heddle/mesh/discovery";
import { createRpcServer, grpcTransport, implementation } from "@heddle/mesh/rpc";
import { expect, onTestFinished, test } from "vitest";
import { contractOf } from "./fixtures/contract.ts";
import { runtime, silent, startGateway } from "./fixtures/start-gateway.ts";

const loom = contractOf("loom.v1", { LoomService: ["Weave"] });
const [LoomService] = loom.services as [DescService];

/** A gateway and three instances, of which the first does what the test says, and counts its calls. */
const start = async (weaveAtFirst: () => unknown, weave: () => unknown = () => ({})) => {
  const gateway = await startGateway();
  onTestFinished(gateway.stop);
  let callsOfFirst = 0;
  const first = () => {
    callsOfFirst++;
    return weaveAtFirst();
  };
  for (const [instanceId, handler] of Object.entries({ first, second: weave, third: weave })) {
    const server = createRpcServer({
      implementations: [implementation(LoomService, { weave: handler } as never)],
      runtime,
      log: silent,
    });
    const { host, port } = await server.listen({ host: "127.0.0.1", port: 0 });
    const definition = { name: "loom", version: "1.0.0" };
    const registration = register({
      instance: { instanceId, address: `${host}:${port}`, definition, services: [LoomService] },
      transport: grpcTransport(gateway.url, runtime),
      runtime,
      log: silent,
    });
    onTestFinished(async () => {
      await registration.leave();
      await server.drain(0);
    });
    await registration.registered;
  }
  const weaver = createClient(LoomService, gateway.transport) as unknown as Record<
    "weave",
    (request: object, options: { timeoutMs: number; headers?: Record<string, string> }) => Promise<unknown>
  >;
  /** The code of a call by gRPC, and of one by JSON. */
  const byGrpc = async (timeoutMs = 5_000, headers: Record<string, string> = {}) => {
    try {
      await weaver.weave({}, { timeoutMs, headers });
      return "ok";
    } catch (error) {
      return Code[ConnectError.from(error).code];
    }
  };
  const byJson = async () => {
    const response = await fetch(`${gateway.url}/loom.v1.LoomService/Weave`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    await response.arrayBuffer();
    return response.status;
  };
  const conditionOfFirst = async () => {
    const { policies } = await createClient(TrafficService, gateway.transport).getPolicy({
      target: "loom.v1.LoomService/Weave",
    });
    return policies[0]?.targets.find(({ instanceId }) => instanceId === "first")?.condition;
  };
  return { byGrpc, byJson, conditionOfFirst, callsOfFirst: () => callsOfFirst };
};

test("an instance that fails its calls gets none after a few, by whatever protocol they come, and it is told why", async () => {
  const { byGrpc, byJson, conditionOfFirst, callsOfFirst } = await start(() => {
    throw new Error("torn");
  });
  // All at once: more than one at a time must fall to it, before anything is known of it.
  const answers = await Promise.all(Array.from({ length: 30 }, () => byGrpc()));
  expect(answers).toContain("Internal");
  expect(await conditionOfFirst()).toMatch(/^gets no calls for \d+ s: \d+ failures in a row$/);
  const before = callsOfFirst();
  for (let count = 0; count < 20; count++) expect([await byGrpc(), await byJson()]).toEqual(["ok", 200]);
  expect(callsOfFirst()).toBe(before);
});

test("an instance that hangs gets no more calls than wait for it", async () => {
  const { byGrpc, callsOfFirst } = await start(() => new Promise(() => undefined));
  for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 10 }, () => byGrpc(1_000)));
  expect(callsOfFirst()).toBeGreaterThan(0);
  expect(callsOfFirst()).toBeLessThanOrEqual(10);
});

test("a call that was sent before goes to an instance that has answered since, however slow that is", async () => {
  let isHung = false;
  const { byGrpc, callsOfFirst } = await start(
    () => (isHung ? new Promise(() => undefined) : {}),
    async () => {
      await runtime.timers.sleep(300);
      return {};
    },
  );
  for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 10 }, () => byGrpc()));
  isHung = true;
  let waiting = Promise.resolve("");
  for (const before = callsOfFirst(); callsOfFirst() === before; ) {
    // Nobody waits elsewhere.
    await waiting;
    waiting = byGrpc(1_000);
    await runtime.timers.sleep(60);
  }
  // It was the quickest, and is called still.
  const before = callsOfFirst();
  const again = Array.from({ length: 10 }, () => byGrpc(5_000, { "grpc-previous-rpc-attempts": "1" }));
  expect(await Promise.all(again)).toEqual(again.map(() => "ok"));
  expect(callsOfFirst()).toBe(before);
  expect(await waiting).toBe("DeadlineExceeded");
});
