import {
  type CallOptions,
  Code,
  ConnectError,
  createClient,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { expectFailure } from "../testing/expect-failure.ts";
import { EchoService } from "./fixtures/echo-contract.ts";
import { startEcho } from "./fixtures/echo-server.ts";
import { peerKey } from "./peer.ts";

async function* messages(...texts: string[]) {
  for (const text of texts) yield { text };
}

const collect = async (replies: AsyncIterable<{ text: string }>): Promise<string> => {
  let all = "";
  for await (const { text } of replies) all += text;
  return all;
};

/** Notes which interceptor saw which method, on its way in and out. */
const noting =
  (name: string, seen: string[]): Interceptor =>
  (next) =>
  async (request) => {
    seen.push(`${name} in ${request.method.name} ${request.stream ? "stream" : "unary"}`);
    const response = await next(request);
    seen.push(`${name} out`);
    return response;
  };

describe("interceptors of a server", () => {
  test("stand around every kind of handler, the first outermost, whatever protocol a call came by", async () => {
    const seen: string[] = [];
    const { client, memory, url } = await startEcho({}, { interceptors: [noting("a", seen), noting("b", seen)] });
    const connect = createClient(EchoService, createConnectTransport({ baseUrl: url, httpVersion: "2" }));
    for (const way of [client, memory, connect]) {
      seen.length = 0;
      expect((await way.say({ text: "hi" })).text).toBe("hi");
      expect(seen).toEqual(["a in Say unary", "b in Say unary", "b out", "a out"]);
      seen.length = 0;
      expect((await way.gather(messages("a", "b"))).text).toBe("ab");
      expect(await collect(way.repeat({ text: "abc" }))).toBe("abc");
      expect(await collect(way.converse(messages("x", "y")))).toBe("xy");
      expect(seen.filter((line) => line.startsWith("a in"))).toEqual([
        "a in Gather stream",
        "a in Repeat stream",
        "a in Converse stream",
      ]);
    }
  });

  test("read and write metadata", async () => {
    const stamp: Interceptor = (next) => async (request) => {
      const response = await next(request);
      response.header.set("x-stamp", `${request.header.get("x-asked")} ${request.header.get("user-agent") !== null}`);
      response.trailer.set("x-end", "done");
      return response;
    };
    const { client } = await startEcho({}, { interceptors: [stamp] });
    const found: Record<string, string | null> = {};
    await client.say(
      { text: "hi" },
      {
        headers: { "x-asked": "yes" },
        onHeader: (header) => {
          found.header = header.get("x-stamp");
        },
        onTrailer: (trailer) => {
          found.trailer = trailer.get("x-end");
        },
      },
    );
    expect(found).toEqual({ header: "yes true", trailer: "done" });
  });

  test("may refuse a call, or change its request", async () => {
    const { client, log } = await startEcho(
      {},
      {
        interceptors: [
          (next) => (request) => {
            if (request.header.get("x-refuse") !== null) throw new ConnectError("not you", Code.PermissionDenied);
            if (request.stream) return next(request);
            return next({ ...request, message: Object.assign(request.message, { text: "changed" }) });
          },
        ],
      },
    );
    expect((await client.say({ text: "hi" })).text).toBe("changed");
    const refused = await expectFailure(client.say({ text: "hi" }, { headers: { "x-refuse": "1" } }));
    expect(refused.code).toBe("PermissionDenied");
    expect(log.filter(({ msg }) => msg === "call")).toMatchObject([{ code: "OK" }, { code: "PermissionDenied" }]);
  });

  test("see no request that breaks its contract", async () => {
    const seen: string[] = [];
    const { client } = await startEcho({}, { interceptors: [noting("a", seen)] });
    expect((await expectFailure(client.say({ text: "more than eight" }))).reason).toBe("VALIDATION_FAILED");
    expect(seen).toEqual([]);
  });

  test("leave a handler all that it sees and says without them, in each kind and protocol", async () => {
    const seenBeside = async (interceptors: readonly Interceptor[]) => {
      const seen: unknown[] = [];
      const look = (context: HandlerContext) => {
        context.responseHeader.set("x-head", context.method.name);
        context.responseTrailer.set("x-trail", context.method.name);
        seen.push({
          service: context.service.typeName,
          method: context.method.name,
          protocol: context.protocolName,
          verb: context.requestMethod,
          path: new URL(context.url).pathname,
          asked: context.requestHeader.get("x-asked"),
          leftMs: Math.ceil((context.timeoutMs() ?? 0) / 60_000),
          aborted: context.signal.aborted,
          peer: context.values.get(peerKey).split(":")[0],
        });
      };
      const { client, memory, url } = await startEcho(
        {
          say({ text }, context) {
            look(context);
            return { text };
          },
          async gather(requests, context) {
            look(context);
            let all = "";
            for await (const { text } of requests) all += text;
            return { text: all };
          },
          async *repeat({ text }, context) {
            look(context);
            yield { text };
          },
          async *converse(requests, context) {
            look(context);
            for await (const { text } of requests) yield { text };
          },
        },
        { interceptors },
      );
      const options: CallOptions = {
        headers: { "x-asked": "yes" },
        timeoutMs: 20_000,
        onHeader: (header) => seen.push(header.get("x-head")),
        onTrailer: (trailer) => seen.push(trailer.get("x-trail")),
      };
      const connect = createClient(EchoService, createConnectTransport({ baseUrl: url, httpVersion: "2" }));
      for (const way of [client, memory, connect]) {
        seen.push((await way.say({ text: "a" }, options)).text);
        seen.push((await way.gather(messages("a", "b"), options)).text);
        seen.push(await collect(way.repeat({ text: "ab" }, options)));
        seen.push(await collect(way.converse(messages("a", "b"), options)));
      }
      return seen;
    };
    const seen = await seenBeside([(next) => (request) => next(request)]);
    expect(seen).toEqual(await seenBeside([]));
    expect(seen.slice(0, 4)).toEqual([
      {
        service: "echo.v1.EchoService",
        method: "Say",
        protocol: "grpc",
        verb: "POST",
        path: "/echo.v1.EchoService/Say",
        asked: "yes",
        leftMs: 1,
        aborted: false,
        peer: "127.0.0.1",
      },
      "Say",
      "Say",
      "a",
    ]);
  });
});
