import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CreditScoreService } from "@heddle/contracts/creditscore/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { expect, onTestFinished, test } from "vitest";
import { fail, reasons } from "../../contract/fail.ts";
import { createLog } from "../../observe/index.ts";
import { systemRuntime } from "../../runtime/index.ts";
import { grpcTransport } from "../client.ts";
import { type Handler, type Implementation, implementation } from "../implementation.ts";
import { createRpcServer } from "../server.ts";
import { withPolicies } from "./with-policies.ts";

const runtime = systemRuntime();
const NOT_NOW = reasons("creditscore.v1")("NOT_NOW", Code.Unavailable, "It has no time.");
const REQUEST = { customerId: `cus_${"0".repeat(26)}` };

/** A server on a port of its own: the way to it, which keeps to the contract's policies. */
const listen = async (served: Implementation) => {
  const log = createLog({
    service: "t",
    level: "silent",
    clock: runtime.clock,
    destination: { write: () => undefined },
  });
  const server = createRpcServer({ implementations: [served], runtime, log });
  onTestFinished(async () => void (await server.drain(1_000)));
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  return withPolicies(grpcTransport(`http://127.0.0.1:${port}`, runtime), runtime);
};

const serve = async (getCreditScore: Handler<typeof CreditScoreService.method.getCreditScore>) =>
  createClient(
    CreditScoreService,
    await listen(implementation(CreditScoreService, { getCreditScore, listCreditScores: () => ({}) })),
  );

/** Serves what is hedged. */
const serveHedged = async (getCustomer: Handler<typeof CustomerService.method.getCustomer>) => {
  const refuse = (() => Promise.reject(new ConnectError("is not called", Code.Unimplemented))) as Handler<DescMethod>;
  const handlers = Object.fromEntries(CustomerService.methods.map(({ localName }) => [localName, refuse]));
  const all = { ...handlers, getCustomer: getCustomer as unknown as Handler<DescMethod> };
  return createClient(CustomerService, await listen({ service: CustomerService, handlers: all }));
};

/** What a hop answers that makes this call, to somebody who says who he is. */
const answerOfHop = async (call: () => Promise<unknown>) => {
  const hop = await serve(async () => {
    await call();
    return {};
  });
  return hop.getCreditScore(REQUEST, { headers: { authorization: "Bearer t" } }).then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
};

/** A leaf that fails all calls, a hop that calls it, and what the leaf has heard. */
const chain = async () => {
  const heard: Headers[] = [];
  const leaf = await serve(async (_, { requestHeader }) => {
    heard.push(requestHeader);
    throw fail(NOT_NOW, {}, { retryDelayMs: 1 });
  });
  const error = await answerOfHop(() => leaf.getCreditScore(REQUEST));
  return { heard, error };
};

test("what a hop has tried often enough is not tried again above it, over sockets as well", async () => {
  const { heard, error } = await chain();
  expect(heard).toHaveLength(3);
  expect(error?.metadata.get("grpc-retry-pushback-ms")).toBe("-1");
});

test("every attempt is made for the same call: it carries the caller's identity, trace and deadline on", async () => {
  const { heard } = await chain();
  expect(heard.map((fields) => fields.get("grpc-previous-rpc-attempts"))).toEqual([null, "1", "2"]);
  expect(heard.map((fields) => fields.get("authorization"))).toEqual(["Bearer t", "Bearer t", "Bearer t"]);
  expect(new Set(heard.map((fields) => fields.get("traceparent")?.split("-")[1])).size).toBe(1);
});

test("a call that is hedged is made for the same call as well, whichever attempt fails", async () => {
  const heard: Headers[] = [];
  const copied = Promise.withResolvers<void>();
  const firstFailed = Promise.withResolvers<void>();
  const leaf = await serveHedged(async (_, { requestHeader }) => {
    heard.push(requestHeader);
    if (heard.length === 1) await copied.promise;
    else if (heard.length === 2) {
      copied.resolve();
      await firstFailed.promise;
    }
    // The copy is answered by the end of the first attempt, and of those that follow it.
    else firstFailed.resolve();
    throw fail(NOT_NOW, {}, { retryDelayMs: 1 });
  });
  const error = await answerOfHop(() => leaf.getCustomer(REQUEST));
  expect(heard).toHaveLength(3);
  expect(heard.map((fields) => fields.get("authorization"))).toEqual(["Bearer t", "Bearer t", "Bearer t"]);
  expect(new Set(heard.map((fields) => fields.get("traceparent")?.split("-")[1])).size).toBe(1);
  expect(error?.metadata.get("grpc-retry-pushback-ms")).toBe("-1");
});
