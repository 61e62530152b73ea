import { createHook } from "node:async_hooks";
import { gzipSync } from "node:zlib";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { DEFAULT_WIRE_LIMITS, ErrorCode } from "../wire/index.ts";
import { heldBytes } from "./fixtures/held-bytes.ts";
import { echo, enveloped, startRawEcho } from "./fixtures/raw-call.ts";
import { DEFAULT_RPC_LIMITS } from "./limits.ts";

const MIB = 1024 * 1024;
const KINDS = ["Say", "Gather", "Repeat", "Converse"] as const;
const INVALID_ARGUMENT = "3";
const DEADLINE_EXCEEDED = "4";
const RESOURCE_EXHAUSTED = "8";
const UNIMPLEMENTED = "12";

describe("a body that comes in pieces", () => {
  test.each(KINDS)("is read by %s as if it had come at once, cut at any byte or at every one", async (kind) => {
    const { call, settle } = await startRawEcho();
    const streams = kind === "Gather" || kind === "Converse";
    const body = echo("ab") + (streams ? echo("") + echo("c") : "");
    const replies = { Say: ["ab"], Gather: ["abc"], Repeat: ["a", "b"], Converse: ["ab", "", "c"] }[kind];
    const cuts = Array.from({ length: body.length - 1 }, (_, index) => [
      body.slice(0, index + 1),
      body.slice(index + 1),
    ]);
    const calls = [[body], [...body], ...cuts].map((pieces) => {
      const raw = call(kind);
      for (const piece of pieces) raw.data(piece);
      // END comes alone, in an empty frame.
      raw.data("", true);
      return raw;
    });
    await settle();
    for (const raw of calls) expect([raw.replies, raw.statuses]).toEqual([replies, ["0"]]);
  });

  test.each(KINDS)("may be ended by trailers, as no client of %s does", async (kind) => {
    const { call, settle } = await startRawEcho();
    const raw = call(kind);
    raw.data(echo("a"));
    raw.trailers({ "x-checksum": "1" });
    await settle();
    expect([raw.replies, raw.statuses]).toEqual([["a"], ["0"]]);
  });
});

describe("a body that is wrong ends its call, once", () => {
  const unary = KINDS.filter((kind) => kind === "Say" || kind === "Repeat");
  const wrong: readonly (readonly [string, string, readonly string[], string])[] = [
    ...unary.map((kind) => ["no message", kind, [], UNIMPLEMENTED] as const),
    ...unary.map((kind) => ["two messages", kind, [echo("a"), echo("b")], UNIMPLEMENTED] as const),
    ...unary.map((kind) => ["two messages in one frame", kind, [echo("a") + echo("b")], UNIMPLEMENTED] as const),
    ...KINDS.flatMap((kind) => [
      ["a message without its end", kind, [echo("abc").slice(0, -1)], INVALID_ARGUMENT] as const,
      ["a prefix without its end", kind, ["\0\0"], INVALID_ARGUMENT] as const,
      ["an unknown flag", kind, [enveloped(Buffer.from(""), 2)], INVALID_ARGUMENT] as const,
      ["a compressed message without grpc-encoding", kind, [enveloped(gzipSync(""), 1)], INVALID_ARGUMENT] as const,
      ["a message over the limit", kind, ["\0\0\x40\0\x01"], RESOURCE_EXHAUSTED] as const,
      ["a length of 4 GiB", kind, ["\0\xff\xff\xff\xff", "a"], RESOURCE_EXHAUSTED] as const,
    ]),
  ];

  test.each(wrong)("%s to %s", async (_, kind, pieces, status) => {
    const { call, settle, ended } = await startRawEcho();
    const raw = call(kind);
    for (const piece of pieces) raw.data(piece);
    raw.data("", true);
    await settle();
    expect(raw.statuses).toEqual([status]);
    expect(ended()).toHaveLength(1);
  });

  test.each([
    ["Gather", [""]],
    ["Converse", []],
  ])("but no message at all is a request to %s", async (kind, replies) => {
    const { call, settle } = await startRawEcho();
    const raw = call(kind);
    raw.data("", true);
    await settle();
    expect([raw.replies, raw.statuses]).toEqual([replies, ["0"]]);
  });
});

test.each([
  ["a message over the limit", "\0\xf0\0\0\0"],
  ["an unknown flag", "\x07\0\0\0\x05"],
  ["a message that cannot be inflated", enveloped(Buffer.from("no gzip"), 1)],
])(
  "after %s nothing is kept of what a streaming request goes on with, though its handler lives on",
  async (_, bytes) => {
    const failed = Promise.withResolvers<unknown>();
    const goOn = Promise.withResolvers<void>();
    const { call, settle, ended } = await startRawEcho({
      async *converse(requests) {
        try {
          for await (const { text } of requests) yield { text };
        } catch (error) {
          failed.resolve(error);
        }
        await goOn.promise;
        yield { text: "alive" };
      },
    });
    const raw = call("Converse", { "grpc-encoding": "gzip" });
    raw.data(bytes);
    expect(await failed.promise).toBeInstanceOf(ConnectError);
    // Lent as a connection lends it, so that nothing is held but what the call keeps.
    const chunk = Buffer.alloc(MIB);
    const before = heldBytes();
    for (let count = 0; count < 64; count++) raw.handler.onData(chunk, false);
    await settle();
    expect(heldBytes() - before).toBeLessThan(4 * MIB);
    goOn.resolve();
    await settle();
    expect([raw.replies, raw.statuses]).toEqual([["alive"], ["0"]]);
    expect(ended()).toMatchObject([{ code: "OK" }]);
  },
);

test("messages that are small on the wire and large in memory wait for the handler, and are inflated for it alone", async () => {
  // Field 15, which the contract does not know, of two million zeros.
  const large = Buffer.concat([Buffer.from([0x7a, 0x80, 0x89, 0x7a]), Buffer.alloc(2_000_000)]);
  const bomb = enveloped(gzipSync(large), 1);
  const windowBytes = DEFAULT_WIRE_LIMITS.streamWindowBytes;
  const first = Promise.withResolvers<void>();
  const { call, settle, ended } = await startRawEcho({
    async *converse(requests, { signal }) {
      for await (const _ of requests) {
        first.resolve();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }
      yield* [];
    },
  });
  const raw = call("Converse", { "grpc-encoding": "gzip" });
  raw.data(bomb);
  await first.promise;
  let inflations = 0;
  const hook = createHook({
    init(_, type) {
      if (type === "ZLIB") inflations++;
    },
  }).enable();
  onTestFinished(() => void hook.disable());
  let sent = 1;
  while (sent < 1_000 && (sent + 1) * bomb.length <= windowBytes + raw.consumed) {
    raw.data(bomb);
    sent++;
    await settle();
  }
  // A window, and what may wait beside it.
  expect(sent * bomb.length).toBeLessThan(2 * windowBytes);
  raw.breaks(ErrorCode.CANCEL, "peer");
  await settle();
  expect(ended()).toMatchObject([{ code: "Canceled" }]);
  expect(inflations).toBe(0);
});

test("the one request of a stream of replies, which has no deadline, must come all the same", async () => {
  const { call, settle, time } = await startRawEcho();
  const late = call("Repeat");
  late.data(echo("ab").slice(0, 3));
  const inTime = call("Repeat");
  inTime.data(echo("ab"), true);
  await settle();
  await time.advance(DEFAULT_RPC_LIMITS.requestTimeoutMs);
  expect([late.replies, late.statuses]).toEqual([[], [DEADLINE_EXCEEDED]]);
  expect([inTime.replies, inTime.statuses]).toEqual([["a", "b"], ["0"]]);
});

test("and a stream of replies goes on beyond that time", async () => {
  const wait = Promise.withResolvers<void>();
  const { call, settle, time } = await startRawEcho({
    async *repeat({ text }) {
      await wait.promise;
      yield { text };
    },
  });
  const long = call("Repeat");
  long.data(echo("ab"), true);
  await settle();
  await time.advance(2 * DEFAULT_RPC_LIMITS.requestTimeoutMs);
  wait.resolve();
  await settle();
  expect([long.replies, long.statuses]).toEqual([["ab"], ["0"]]);
});
