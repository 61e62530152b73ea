import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CreditScoreService } from "@heddle/contracts/creditscore/v1";
import { expect, onTestFinished, test } from "vitest";
import { fail, reasons } from "../../contract/fail.ts";
import { createLog } from "../../observe/index.ts";
import { systemRuntime } from "../../runtime/index.ts";
import { grpcTransport } from "../client.ts";
import { type Handler, implementation } from "../implementation.ts";
import { createRpcServer } from "../server.ts";
import { withPolicies } from "./with-policies.ts";

const runtime = systemRuntime();
const NOT_NOW = reasons("creditscore.v1")("NOT_NOW", Code.Unavailable, "It has no time.");
const REQUEST = { customerId: `cus_${"0".repeat(26)}` };

/** A server on a port of its own, and a client of it that keeps to the contract's policies. */
const serve = async (getCreditScore: Handler<typeof CreditScoreService.method.getCreditScore>) => {
  const log = createLog({
    service: "t",
    level: "silent",
    clock: runtime.clock,
    destination: { write: () => undefined },
  });
  const service = implementation(CreditScoreService, { getCreditScore, listCreditScores: () => ({}) });
  const server = createRpcServer({ implementations: [service], runtime, log });
  onTestFinished(async () => void (await server.drain(1_000)));
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const transport = withPolicies(grpcTransport(`http://127.0.0.1:${port}`, runtime), runtime);
  return createClient(CreditScoreService, transport);
};

/** A leaf that fails all calls, a hop that calls it, and what the leaf has heard. */
const chain = async (call: (leaf: Awaited<ReturnType<typeof serve>>) => Promise<unknown>) => {
  const heard: Headers[] = [];
  const leaf = await serve(async (_, { requestHeader }) => {
    heard.push(requestHeader);
    throw fail(NOT_NOW, {}, { retryDelayMs: 1 });
  });
  const hop = await serve(async () => {
    await call(leaf);
    return {};
  });
  const error = await hop.getCreditScore(REQUEST, { headers: { authorization: "Bearer t" } }).then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  return { heard, error };
};

test("what a hop has tried often enough is not tried again above it, over sockets as well", async () => {
  const { heard, error } = await chain((leaf) => leaf.getCreditScore(REQUEST));
  expect(heard).toHaveLength(3);
  expect(error?.metadata.get("grpc-retry-pushback-ms")).toBe("-1");
});

test("every attempt is made for the same call: it carries the caller's identity, trace and deadline on", async () => {
  const { heard } = await chain((leaf) => leaf.getCreditScore(REQUEST));
  expect(heard.map((fields) => fields.get("grpc-previous-rpc-attempts"))).toEqual([null, "1", "2"]);
  expect(heard.map((fields) => fields.get("authorization"))).toEqual(["Bearer t", "Bearer t", "Bearer t"]);
  expect(new Set(heard.map((fields) => fields.get("traceparent")?.split("-")[1])).size).toBe(1);
});
