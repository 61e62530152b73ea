import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type HandlerContext, type Transport } from "@connectrpc/connect";
import { Client, credentials, Server, ServerCredentials, status } from "@grpc/grpc-js";
import {
  CreditScoreService,
  GetCreditScoreRequestSchema,
  GetCreditScoreResponseSchema,
} from "@heddle/contracts/creditscore/v1";
import { describe, expect, onTestFinished, test } from "vitest";
import { grpcJsMethod } from "../../bench/peers/grpc-js-method.ts";
import { createLog } from "../observe/index.ts";
import { type Runtime, systemRuntime } from "../runtime/index.ts";
import { expectFailure, fakeTime } from "../testing/index.ts";
import { randomNumbers } from "../wire/fixtures/random-numbers.ts";
import { createHeddleTransport, implementation, memoryTransport, withPolicies } from "./index.ts";
import { createRpcServer, type RpcServer } from "./server.ts";

const REQUEST = { customerId: `cus_${"0".repeat(26)}` };
const { getCreditScore: METHOD } = CreditScoreService.method;
const HOPS = 4;

const log = createLog({
  service: "hops",
  level: "silent",
  clock: systemRuntime().clock,
  destination: { write: () => undefined },
});

/** A server with one method that is IDEMPOTENT. */
const serve = (runtime: Runtime, answer: (request: object, context: HandlerContext) => Promise<object>): RpcServer =>
  createRpcServer({
    implementations: [
      implementation(CreditScoreService, {
        getCreditScore: answer,
        listCreditScores: () => Promise.reject(new ConnectError("is not called", Code.Unimplemented)),
      }),
    ],
    runtime,
    log,
  });

/** Fails, and says that it is no use to come back. */
const downForGood = async (_: object, { responseTrailer }: HandlerContext): Promise<never> => {
  responseTrailer.set("grpc-retry-pushback-ms", "-1");
  throw new ConnectError("down", Code.Unavailable);
};

/** Tries three times, whatever was said: what a program does that knows nothing of budgets. */
const naive = (transport: Transport): Transport => ({
  stream: transport.stream,
  async unary(...call) {
    for (let tries = 1; ; tries++) {
      try {
        return await transport.unary(...call);
      } catch (error) {
        if (tries === 3) throw error;
      }
    }
  },
});

/** Four hops over a leaf that fails half of its calls, 300 calls a second: the leaf's load, and what succeeded. */
const storm = async (
  seconds: number,
  seed: number,
  retrying: (transport: Transport, runtime: Runtime) => Transport,
) => {
  const time = fakeTime();
  const chance = randomNumbers(seed);
  const random = { ...systemRuntime().random, below: (bound: number) => chance.below(bound) };
  const runtime: Runtime = { ...systemRuntime(), ...time, random };
  let load = 0;
  let server = serve(runtime, async () => {
    load++;
    if (chance.oneIn(2)) throw new ConnectError("down", Code.Unavailable);
    return {};
  });
  for (let hop = 1; hop < HOPS; hop++) {
    const next = createClient(CreditScoreService, retrying(memoryTransport(server, runtime), runtime));
    server = serve(runtime, () => next.getCreditScore(REQUEST));
  }
  const client = createClient(CreditScoreService, retrying(memoryTransport(server, runtime), runtime));
  const calls: Promise<boolean>[] = [];
  for (let tenth = 0; tenth < seconds * 10; tenth++) {
    for (let call = 0; call < 30; call++) {
      calls.push(
        client.getCreditScore(REQUEST).then(
          () => true,
          () => false,
        ),
      );
    }
    await time.advance(100);
  }
  await time.advance(30_000);
  const succeeded = (await Promise.all(calls)).filter(Boolean).length;
  return { load: load / calls.length, succeeded: succeeded / calls.length };
};

describe("a leaf that fails half of its calls, four hops deep", () => {
  test.each([1, 2])("gets at most a quarter more than it is offered (seed %s)", async (seed) => {
    const { load, succeeded } = await storm(10, seed, withPolicies);
    expect(load).toBeLessThanOrEqual(1.25);
    expect(succeeded).toBeGreaterThan(0.55);
  });

  test("gets far more from callers that each try three times", async () => {
    const { load } = await storm(1, 1, naive);
    expect(load).toBeGreaterThan(1.7);
  });
});

describe("between strangers", () => {
  const { path, requestSerialize, responseDeserialize } = grpcJsMethod(METHOD);

  test("a server of grpc-js sees how often a call was sent before", async () => {
    const seen: unknown[] = [];
    const server = new Server();
    server.addService(
      { getCreditScore: grpcJsMethod(METHOD) },
      {
        getCreditScore: (
          call: { metadata: { get(name: string): unknown[] } },
          done: (error: object | null, reply?: object) => void,
        ) => {
          seen.push(call.metadata.get("grpc-previous-rpc-attempts")[0]);
          if (seen.length < 3) done({ code: status.UNAVAILABLE, details: "not yet" });
          else done(null, create(GetCreditScoreResponseSchema));
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    onTestFinished(() => server.forceShutdown());
    const transport = createHeddleTransport({ baseUrl: `http://127.0.0.1:${port}` });
    onTestFinished(() => transport.destroy());
    await createClient(CreditScoreService, transport).getCreditScore(REQUEST);
    expect(seen).toEqual([undefined, "1", "2"]);
  });

  test("a client of grpc-js that may retry hears not to, where the call was tried often enough below", async () => {
    const runtime = systemRuntime();
    let asked = 0;
    const leaf = serve(runtime, downForGood);
    const next = createClient(CreditScoreService, withPolicies(memoryTransport(leaf, runtime), runtime));
    const server = serve(runtime, () => {
      asked++;
      return next.getCreditScore(REQUEST);
    });
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    onTestFinished(async () => void (await server.drain(100)));
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.service_config": JSON.stringify({
        methodConfig: [
          {
            name: [{ service: CreditScoreService.typeName }],
            retryPolicy: {
              maxAttempts: 5,
              initialBackoff: "0.01s",
              maxBackoff: "0.01s",
              backoffMultiplier: 1,
              retryableStatusCodes: ["UNAVAILABLE"],
            },
          },
        ],
      }),
    });
    onTestFinished(() => client.close());
    const failed = new Promise((_, reject) => {
      const request = create(GetCreditScoreRequestSchema, REQUEST);
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, reject);
    });
    await expect(failed).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(asked).toBe(1);
  });
});

test("a handler that answers with its own error after an exhausted call tells its caller not to come back", async () => {
  const runtime = systemRuntime();
  const leaf = serve(runtime, downForGood);
  const next = createClient(CreditScoreService, withPolicies(memoryTransport(leaf, runtime), runtime));
  const server = serve(runtime, () =>
    next.getCreditScore(REQUEST).catch(() => {
      throw new ConnectError("what we need is not there", Code.Unavailable);
    }),
  );
  const failed = createClient(CreditScoreService, memoryTransport(server, runtime)).getCreditScore(REQUEST);
  const error = await failed.catch((thrown: unknown) => ConnectError.from(thrown));
  expect((error as ConnectError).metadata.get("grpc-retry-pushback-ms")).toBe("-1");
  expect(await expectFailure(failed)).toMatchObject({ code: "Unavailable" });
});
