import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { EchoSchema } from "./fixtures/echo-contract.ts";
import { heldBytes } from "./fixtures/held-bytes.ts";
import { echo, enveloped, startRawEcho } from "./fixtures/raw-call.ts";
import type { WireMessage } from "./message-buffer.ts";
import { RequestMessages } from "./request-messages.ts";

const MESSAGE_BYTES_MAX = 1_000_000;

/** Messages in a test's hands: what is sent, what was read of it, and the credit that the sender got. */
const start = (read = ({ bytes }: WireMessage): Message | Promise<Message> => fromBinary(EchoSchema, bytes)) => {
  const seen = { reads: 0, creditBytes: 0 };
  const messages = new RequestMessages({
    messageBytesMax: MESSAGE_BYTES_MAX,
    read(message) {
      seen.reads++;
      return read(message);
    },
    consume(bytes) {
      seen.creditBytes += bytes;
    },
  });
  /** Sends a piece of the body, in a buffer that is used again at once. */
  const push = (text: string) => {
    const lent = Buffer.from(text, "latin1");
    messages.push(lent);
    lent.fill(0x21);
  };
  return { messages, push, seen };
};

const textsOf = async (messages: AsyncIterable<Message>): Promise<string[]> => {
  const texts: string[] = [];
  for await (const message of messages) texts.push((message as Message & { text: string }).text);
  return texts;
};

const failed = (promise: Promise<unknown>): Promise<ConnectError> =>
  promise.then(
    () => Promise.reject(new Error("it did not fail")),
    (error) => error,
  );

/** A message of about as many bytes on the wire. */
const ofBytes = (bytes: number): string =>
  enveloped(toBinary(EchoSchema, create(EchoSchema, { text: "x".repeat(bytes) })));

test("messages come out in the order in which they went in, however the body is cut", async () => {
  const body = ["a", "", "bc", "d"].map(echo).join("");
  for (let pieceBytes = 1; pieceBytes <= body.length; pieceBytes++) {
    const { messages, push, seen } = start();
    for (let at = 0; at < body.length; at += pieceBytes) push(body.slice(at, at + pieceBytes));
    messages.end();
    expect(await textsOf(messages)).toEqual(["a", "", "bc", "d"]);
    expect(seen.creditBytes).toBe(body.length);
  }
});

test("a handler that waits gets a message as soon as it is whole", async () => {
  const { messages, push } = start();
  const next = messages.next();
  const body = echo("a");
  push(body.slice(0, 3));
  push(body.slice(3));
  expect((await next).value).toMatchObject({ text: "a" });
  const last = messages.next();
  messages.end();
  expect(await last).toEqual({ done: true, value: undefined });
  expect(await messages.next()).toEqual({ done: true, value: undefined });
});

test("what waits is no message before the handler asks for it", async () => {
  const { messages, push, seen } = start();
  for (let count = 0; count < 100; count++) push(echo("a"));
  expect(seen.reads).toBe(0);
  await messages.next();
  expect(seen.reads).toBe(1);
  messages.close(new Error("over"));
  expect(seen.reads).toBe(1);
});

test("messages that are read slowly keep their order", async () => {
  const { messages, push } = start(async ({ bytes }) => {
    const message = fromBinary(EchoSchema, bytes);
    for (let turn = message.text.length; turn < 5; turn++) await Promise.resolve();
    return message;
  });
  push(echo("a") + echo("bbbb") + echo("cc"));
  messages.end();
  expect(await textsOf(messages)).toEqual(["a", "bbbb", "cc"]);
});

test("a handler that asks for two messages at once gets both, in order", async () => {
  const { call, settle } = await startRawEcho({
    async gather(requests) {
      const reader = requests[Symbol.asyncIterator]();
      const [first, second, end] = await Promise.all([reader.next(), reader.next(), reader.next()]);
      return { text: `${first.value?.text} ${second.value?.text} ${end.done}` };
    },
  });
  const raw = call("Gather");
  await settle();
  raw.data(echo("a"));
  raw.data(echo("b"), true);
  await settle();
  expect(raw.replies).toEqual(["a b true"]);
});

describe("back-pressure", () => {
  const MESSAGE_BYTES = 10_000;
  const message = ofBytes(MESSAGE_BYTES);

  test("the sender gets no credit while the handler is behind, and all of it when it has caught up", async () => {
    const { messages, push, seen } = start();
    let sentBytes = 0;
    while (sentBytes - seen.creditBytes < 100_000 && sentBytes < 10_000_000) {
      push(message);
      sentBytes += message.length;
    }
    expect(seen.creditBytes).toBeLessThan(100_000);
    for (let left = sentBytes; left > 0; left -= message.length) await messages.next();
    expect(seen.creditBytes).toBe(sentBytes);
  });

  test("a message that is larger than what may wait comes in all the same", async () => {
    const { messages, push, seen } = start();
    const large = ofBytes(500_000);
    for (let at = 0; at < large.length; at += 16_000) {
      // Nothing else lets the rest come.
      expect(seen.creditBytes).toBe(at);
      push(large.slice(at, at + 16_000));
    }
    messages.end();
    expect(await textsOf(messages)).toHaveLength(1);
    expect(seen.creditBytes).toBe(large.length);
  });

  test("empty messages wait as all others do, and hold little more than their bytes", async () => {
    const { messages, push, seen } = start();
    const empties = echo("").repeat(2_000);
    const before = heldBytes();
    for (let count = 0; count < 100; count++) push(empties);
    expect(seen.creditBytes).toBeLessThan(100_000);
    // A megabyte of them: an object for each would take ten times as much.
    expect(heldBytes() - before).toBeLessThan(8 * 1024 * 1024);
    expect((await messages.next()).value).toMatchObject({ text: "" });
  });
});

describe("what cannot be read", () => {
  test.each([
    ["a message over the bound", "\0\x7f\xff\xff\xff", Code.ResourceExhausted],
    ["an unknown flag", "\x02\0\0\0\0", Code.Internal],
    ["a message without its end", "\0\0\0\0\x05abc", Code.InvalidArgument],
  ])("%s fails the handler's read, after the messages before it, and all reads after it", async (_, body, code) => {
    const { messages, push, seen } = start();
    push(echo("a") + body);
    messages.end();
    expect((await messages.next()).value).toMatchObject({ text: "a" });
    const error = await failed(messages.next());
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.code).toBe(code);
    expect(await failed(messages.next())).toBe(error);
    expect(seen.creditBytes).toBe(echo("a").length + body.length);
  });

  test("is not kept once it is known, nor what follows it", async () => {
    const { messages, push, seen } = start();
    push("\x02\0\0\0\0");
    await failed(messages.next());
    for (let count = 0; count < 100; count++) push(echo("a").repeat(1_000));
    expect(seen.creditBytes).toBe(5 + 100_000 * echo("a").length);
    expect(seen.reads).toBe(0);
    await failed(messages.next());
  });

  test("a message that fails slowly fails as one that fails at once", async () => {
    const { messages, push } = start(() => Promise.reject(new ConnectError("no gzip", Code.InvalidArgument)));
    push(echo("a") + echo("b"));
    expect((await failed(messages.next())).rawMessage).toBe("no gzip");
    expect((await failed(messages.next())).rawMessage).toBe("no gzip");
  });
});

describe("once nobody needs them any more", () => {
  test("a handler that waits hears why, what waited is dropped and the sender gets its credit", async () => {
    const { messages, push, seen } = start();
    const next = failed(messages.next());
    const reason = new ConnectError("the caller left", Code.Canceled);
    messages.close(reason);
    expect(await next).toBe(reason);
    push(ofBytes(200_000));
    expect(seen.creditBytes).toBe(ofBytes(200_000).length);
    expect(await failed(messages.next())).toBe(reason);
    expect(seen.reads).toBe(0);
  });

  test("messages that waited are not read any more", async () => {
    const { messages, push, seen } = start();
    const body = ofBytes(50_000).repeat(4);
    push(body);
    expect(seen.creditBytes).toBe(0);
    messages.close(new Error("late"));
    expect(seen.creditBytes).toBe(body.length);
    expect((await failed(messages.next())).message).toBe("late");
  });

  test("a handler that stops early sees their end, and the sender may go on for nobody", async () => {
    const { messages, push, seen } = start();
    push(echo("a") + echo("b"));
    for await (const _ of messages) break;
    expect(await messages.next()).toEqual({ done: true, value: undefined });
    const before = seen.creditBytes;
    push(ofBytes(200_000));
    expect(seen.creditBytes).toBe(before + ofBytes(200_000).length);
  });

  test("the first reason counts", async () => {
    const { messages } = start();
    messages.close(new Error("first"));
    messages.close(new Error("second"));
    messages.end();
    expect((await failed(messages.next())).message).toBe("first");
  });
});

test("two reads at once get two messages, in order", async () => {
  const messages = new RequestMessages({
    messageBytesMax: 100,
    read: ({ bytes }) => fromBinary(EchoSchema, bytes),
    consume: () => undefined,
  });
  const reads = [messages.next(), messages.next()];
  messages.push(Buffer.from(echo("a") + echo("b"), "latin1"));
  expect((await Promise.all(reads)).map(({ value }) => value)).toMatchObject([{ text: "a" }, { text: "b" }]);
});
