import type { StreamResponse, Transport } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { OrderService } from "@heddle/contracts/order/v1";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { EndlessCalls } from "../relay/endless-calls.ts";
import { endingBackends } from "./ending-backends.ts";

const { watchOrder } = OrderService.method;
const DRAINING = new ConnectError("stopping", Code.Unavailable);

/** A watch that says one thing, and then nothing until its signal aborts. */
const watching: Transport = {
  unary: () => Promise.reject(new Error("no unary call was expected")),
  stream: async (method, signal) => {
    async function* message() {
      yield "news";
      await new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(new Error("aborted")));
      });
    }
    const head = { stream: true, service: method.parent, method, header: new Headers(), trailer: new Headers() };
    return { ...head, message: message() } as unknown as StreamResponse<typeof method.input, typeof method.output>;
  },
};

const start = async (endless: EndlessCalls, signal?: AbortSignal) => {
  const { transportFor } = endingBackends({ transportFor: () => watching }, endless);
  const transport = transportFor(watchOrder, { headers: new HeaderList([]), peer: "" });
  const none = (async function* () {})();
  return (await transport.stream(watchOrder, signal, undefined, undefined, none)).message[Symbol.asyncIterator]();
};

test("a stream that goes on when the gateway drains ends with the reason", async () => {
  const endless = new EndlessCalls();
  const messages = await start(endless);
  expect((await messages.next()).value).toBe("news");
  const next = messages.next();
  endless.interrupt(DRAINING);
  await expect(next).rejects.toBe(DRAINING);
});

test("a stream whose caller left ends as it does anyway", async () => {
  const left = new AbortController();
  const messages = await start(new EndlessCalls(), left.signal);
  await messages.next();
  const next = messages.next();
  left.abort();
  await expect(next).rejects.toThrow("aborted");
});
