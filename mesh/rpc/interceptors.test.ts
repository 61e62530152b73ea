import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { expectFailure } from "../testing/expect-failure.ts";
import { EchoService } from "./fixtures/echo-contract.ts";
import { startEcho } from "./fixtures/echo-server.ts";

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
});
