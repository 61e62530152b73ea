import { create, type DescMethodStreaming } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { systemRuntime } from "../../runtime/index.ts";
import { fakeTime } from "../../testing/fake-time.ts";
import { EchoSchema, EchoService } from "../fixtures/echo-contract.ts";
import { startConnectPeer } from "./fixtures/connect-peer.ts";
import { countedSignal } from "./fixtures/counted-signal.ts";
import { drain, echo, failureOf } from "./fixtures/echo-client.ts";

describe("interceptors", () => {
  /** Everything that an interceptor can see of a call and its response. */
  const observer =
    (seen: unknown[]): Interceptor =>
    (next) =>
    async (request) => {
      seen.push({
        stream: request.stream,
        service: request.service.typeName,
        method: request.method.name,
        requestMethod: request.requestMethod,
        url: request.url,
        header: [...request.header].filter(([name]) => !/^(user-agent|content-type|grpc-accept)/.test(name)),
        aborted: request.signal.aborted,
        message: request.stream ? "messages" : { ...request.message },
      });
      request.header.set("x-added", "yes");
      const response = await next(request);
      seen.push({
        keys: Object.keys(response).sort(),
        stream: response.stream,
        header: response.header.get("x-leading"),
        method: response.method.name,
        trailer: response.trailer.get("x-trailing"),
      });
      return response;
    };

  test("see what they see in Connect's own transport", async () => {
    const added: (string | null)[] = [];
    const peer = await startConnectPeer({
      say(_, { requestHeader, responseHeader, responseTrailer }) {
        added.push(requestHeader.get("x-added"));
        responseHeader.set("x-leading", "l");
        responseTrailer.set("x-trailing", "t");
        return {};
      },
      async *repeat(_, { requestHeader, responseHeader, responseTrailer }) {
        added.push(requestHeader.get("x-added"));
        responseHeader.set("x-leading", "l");
        responseTrailer.set("x-trailing", "t");
        yield { text: "a" };
      },
    });
    const ours: unknown[] = [];
    const theirs: unknown[] = [];
    const clients = [
      echo(peer.url, { interceptors: [observer(ours)] }),
      createClient(EchoService, createGrpcTransport({ baseUrl: peer.url, interceptors: [observer(theirs)] })),
    ];
    for (const client of clients) {
      const trailers: (string | null)[] = [];
      const options = {
        headers: { "x-mine": "m" },
        timeoutMs: 60_000,
        onTrailer: (trailer: Headers) => trailers.push(trailer.get("x-trailing")),
      };
      await client.say({ text: "a" }, options);
      await drain(client.repeat({ text: "a" }, options));
      expect(trailers).toEqual(["t", "t"]);
    }
    expect(ours).toEqual(theirs);
    expect(added).toEqual(["yes", "yes", "yes", "yes"]);
  });

  test("go from the first to the last, and may answer themselves", async () => {
    const order: string[] = [];
    const named =
      (name: string): Interceptor =>
      (next) =>
      (request) => {
        order.push(name);
        return next(request);
      };
    const refuse: Interceptor = () => () => Promise.reject(new ConnectError("not today", Code.FailedPrecondition));
    const client = echo("http://127.0.0.1:1", { interceptors: [named("first"), named("second"), refuse] });
    expect(await failureOf(client.say({}))).toMatchObject({ code: Code.FailedPrecondition });
    expect(order).toEqual(["first", "second"]);
  });

  test("are within the deadline", async () => {
    const slow: Interceptor = (next) => async (request) => {
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      return next(request);
    };
    const client = echo("http://127.0.0.1:1", { interceptors: [slow] });
    expect((await failureOf(client.say({}, { timeoutMs: 20 }))).code).toBe(Code.DeadlineExceeded);
    expect((await failureOf(drain(client.repeat({}, { timeoutMs: 20 })))).code).toBe(Code.DeadlineExceeded);
  });

  test("that answer themselves leave no timer behind, and no listener on the caller's signal", async () => {
    const time = fakeTime();
    async function* two() {
      yield create(EchoSchema, { text: "a" });
      yield create(EchoSchema, { text: "b" });
    }
    let left = 2;
    const cached: Interceptor = () => (request) => {
      const { service, method } = request;
      const head = { service, header: new Headers(), trailer: new Headers() };
      if (left-- <= 0) throw new ConnectError("nothing left", Code.NotFound);
      return Promise.resolve(
        method.methodKind === "unary"
          ? { ...head, stream: false, method, message: create(EchoSchema, { text: "a" }) }
          : { ...head, stream: true, method: method as DescMethodStreaming, message: two() },
      );
    };
    const client = echo("http://127.0.0.1:1", { interceptors: [cached], runtime: { ...systemRuntime(), ...time } });
    const before = time.pending();
    const { signal, listeners } = countedSignal();
    const options = { signal, timeoutMs: 60_000 };
    await client.say({}, options);
    let text = "";
    for await (const reply of client.repeat({}, options)) {
      text += reply.text;
      expect(time.pending()).toBe(before + 1);
    }
    expect(text).toBe("ab");
    expect((await failureOf(drain(client.repeat({}, options)))).code).toBe(Code.NotFound);
    expect((await failureOf(client.say({}, options))).code).toBe(Code.NotFound);
    expect(time.pending()).toBe(before);
    expect(listeners()).toBe(0);
  });

  test("are not waited for where the call is over before it begins", async () => {
    const time = fakeTime();
    const cached: Interceptor = () => async (request) => ({
      stream: true,
      service: request.service,
      method: request.method as DescMethodStreaming,
      header: new Headers(),
      trailer: new Headers(),
      message: (async function* () {})(),
    });
    const client = echo("http://127.0.0.1:1", { interceptors: [cached], runtime: { ...systemRuntime(), ...time } });
    const before = time.pending();
    const error = await failureOf(drain(client.repeat({}, { signal: AbortSignal.abort(), timeoutMs: 60_000 })));
    expect(error.code).toBe(Code.Canceled);
    expect(time.pending()).toBe(before);
  });
});
