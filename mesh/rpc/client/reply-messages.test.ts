import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { EchoSchema } from "../fixtures/echo-contract.ts";
import { ReplyMessages } from "./reply-messages.ts";

const envelope = (text: string): Buffer => {
  const bytes = toBinary(EchoSchema, create(EchoSchema, { text }));
  const prefix = Buffer.from([0, 0, 0, 0, 0]);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
};

const start = () => {
  const told = { read: 0, taken: 0, cancelled: [] as string[] };
  const replies = new ReplyMessages({
    messageBytesMax: 100,
    read({ bytes }) {
      told.read += 1;
      return create(EchoSchema, { count: BigInt(bytes.length) });
    },
    taken(bytes) {
      told.taken += bytes;
    },
    cancel: (error) => told.cancelled.push(Code[error.code] ?? ""),
  });
  /** What the consumer gets next: bytes of a message, an error's code, or that nothing follows. */
  const next = () =>
    replies.next().then(
      ({ done, value }) => (done === true ? "done" : Number((value as unknown as { count: bigint }).count)),
      (error: unknown) => (error instanceof ConnectError ? Code[error.code] : String(error)),
    );
  return { replies, told, next };
};

test("a flood of empty messages waits as the bytes that came", async () => {
  const { replies, told, next } = start();
  const first = next();
  replies.push(new Uint8Array(1024 * 1024));
  expect(told).toEqual({ read: 1, taken: 5, cancelled: [] });
  expect(await first).toBe(0);
  expect(replies.empty).toBe(false);
  expect(await next()).toBe(0);
  expect(told).toEqual({ read: 2, taken: 10, cancelled: [] });
});

test("a part of a message is nothing that waits for the consumer", () => {
  const { replies } = start();
  const message = envelope("abc");
  replies.push(message.subarray(0, 6));
  expect(replies.empty).toBe(true);
  replies.push(message.subarray(6));
  expect(replies.empty).toBe(false);
});

test("messages before one over the bound are good, and it ends the call without its bytes", async () => {
  const { replies, told, next } = start();
  replies.push(Buffer.concat([envelope("a"), Buffer.of(0, 0, 0, 0, 101)]));
  expect([await next(), await next(), await next()]).toEqual([3, "ResourceExhausted", "done"]);
  expect(told.cancelled).toEqual(["ResourceExhausted"]);
});

test("a consumer that waits hears of a message over the bound at once", async () => {
  const { replies, told, next } = start();
  const waits = [next(), next()];
  replies.push(Buffer.of(0, 0, 0, 0, 101));
  expect(told.cancelled).toEqual(["ResourceExhausted"]);
  expect(await Promise.all(waits)).toEqual(["ResourceExhausted", "done"]);
});

test("a body that ends within a message says so after its last whole one, whatever its status", async () => {
  for (const status of [undefined, new ConnectError("gone", Code.NotFound)]) {
    const { replies, next } = start();
    replies.push(Buffer.concat([envelope("a"), envelope("b").subarray(0, 7)]));
    replies.end(status);
    expect([await next(), await next(), await next()]).toEqual([3, "Internal", "done"]);
    const waiting = start();
    const waits = [waiting.next(), waiting.next()];
    waiting.replies.push(envelope("b").subarray(0, 7));
    waiting.replies.end(status);
    expect(await Promise.all(waits)).toEqual(["Internal", "done"]);
  }
});

test("a body that is broken off within a message fails by what broke it", async () => {
  const { replies, next } = start();
  replies.push(Buffer.concat([envelope("a"), envelope("b").subarray(0, 7)]));
  replies.breakOff(new ConnectError("lost", Code.Unavailable));
  expect([await next(), await next(), await next()]).toEqual([3, "Unavailable", "done"]);
});

test("a call that is cut drops what was not taken", async () => {
  const { replies, next } = start();
  replies.push(envelope("a"));
  replies.abort(new ConnectError("late", Code.DeadlineExceeded));
  expect([await next(), await next()]).toEqual(["DeadlineExceeded", "done"]);
});

test("a consumer that leaves ends the call, and gets nothing more", async () => {
  const { replies, told, next } = start();
  replies.push(envelope("a"));
  expect(await replies.return()).toEqual({ done: true, value: undefined });
  expect(told.cancelled).toEqual(["Canceled"]);
  replies.push(envelope("b"));
  expect(await next()).toBe("done");
});
