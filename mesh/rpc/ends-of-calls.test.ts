import { Code, type ConnectError } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { fail, reasons } from "../contract/fail.ts";
import { FakeStream } from "../testing/fake-stream.ts";
import { ErrorCode, HeaderList } from "../wire/index.ts";
import { currentCall } from "./call.ts";
import { EchoSchema } from "./fixtures/echo-contract.ts";
import { echo, type RawCall, type RawEcho, startRawEcho } from "./fixtures/raw-call.ts";

type Replies = AsyncIterable<{ text: string }>;

/** Promises that are rejected, and errors that are thrown, where nobody waits for them: each would end the process. */
const uncaught = (): unknown[] => {
  const found: unknown[] = [];
  const note = (error: unknown) => void found.push(error);
  process.on("unhandledRejection", note).on("uncaughtException", note);
  onTestFinished(() => void process.off("unhandledRejection", note).off("uncaughtException", note));
  return found;
};

/** Waits until the call is over and nothing is left of it. */
const endOf = async ({ settle, time }: RawEcho, raw: RawCall): Promise<void> => {
  await settle();
  if (!raw.closed) raw.data("", true);
  await settle();
  expect(time.pending()).toBe(0);
};

/** How a call ends that its handler does not end, with the code in its line and the status that its caller gets. */
const cuts: readonly (readonly [string, string, readonly string[], (server: RawEcho, raw: RawCall) => unknown])[] = [
  ["its deadline", "DeadlineExceeded", ["4"], ({ time }) => time.advance(1_000)],
  ["a drain", "Unavailable", ["14"], ({ server }) => server.drain(0)],
  ["its caller's reset", "Canceled", [], (_, raw) => raw.breaks(ErrorCode.CANCEL, "peer")],
  ["the loss of its connection", "Canceled", [], (_, raw) => raw.breaks(ErrorCode.INTERNAL_ERROR, "connection")],
];

describe.each(cuts)("a call that is ended by %s", (_, code, statuses, cut) => {
  const begin = async (replies: () => Replies) => {
    const found = uncaught();
    const server = await startRawEcho({ converse: replies });
    const raw = server.call("Converse", { "grpc-timeout": "1S" });
    raw.data(echo("a"));
    await server.settle();
    await cut(server, raw);
    await endOf(server, raw);
    expect(raw.statuses).toEqual(statuses);
    expect(server.ended()).toMatchObject([{ code, level: "info" }]);
    expect(found).toEqual([]);
  };

  test("lets its handler clean up, within the call, and then hears no more of it", async () => {
    const cleaned: (string | undefined)[] = [];
    await begin(async function* () {
      try {
        yield { text: "a" };
        await new Promise((_, reject) => currentCall()?.onEnd(reject));
      } finally {
        cleaned.push(currentCall()?.method?.name);
        // biome-ignore lint/correctness/noUnsafeFinally: a cleanup that fails is what this is about
        throw new Error("the cleanup failed");
      }
    });
    expect(cleaned).toEqual(["Converse"]);
  });

  test("asks an iterator made by hand to stop, within the call", async () => {
    const stopped: (string | undefined)[] = [];
    await begin(() => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return() {
          stopped.push(currentCall()?.method?.name);
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    }));
    expect(stopped).toEqual(["Converse"]);
  });

  test.each<[string, (() => unknown) | undefined]>([
    ["throws", () => fails()],
    ["rejects", () => Promise.reject(new Error("a bug"))],
    ["gives no promise", () => ({ done: true, value: undefined })],
    ["gives nothing", () => undefined],
    ["is not there", undefined],
  ])("does not mind that the iterator's return %s", async (_, end) => {
    await begin(() => byHand(() => new Promise(() => undefined), end));
  });

  test("does not mind what its handler throws later", async () => {
    await begin(() =>
      byHand(() => new Promise((_, reject) => currentCall()?.onEnd(() => reject(new Error("too late"))))),
    );
  });
});

/** Content types, and a request without fields in each. */
const PROTOCOLS = [
  ["application/grpc", "\0\0\0\0\0"],
  ["application/grpc+json", "\0\0\0\0\x02{}"],
  ["application/grpc-web+proto", "\0\0\0\0\0"],
  ["application/connect+json", "\0\0\0\0\x02{}"],
] as const;

const converse = ({ server }: RawEcho, [type, body]: readonly [string, string]): FakeStream => {
  const stream = new FakeStream();
  const path = "/echo.v1.EchoService/Converse";
  server.handle(stream, HeaderList.of({ ":method": "POST", ":path": path, "content-type": type }), false);
  stream.data(body, true);
  return stream;
};

const fails = (): never => {
  throw new Error("a bug");
};

/** Replies by an iterator as a program in JavaScript may write it. */
const byHand = (next: () => unknown, end?: (() => unknown) | undefined): Replies =>
  ({ [Symbol.asyncIterator]: () => ({ next, ...(end && { return: end }) }) }) as unknown as Replies;

describe("an iterator of replies made by hand", () => {
  const answer = async (replies: Replies) => {
    const found = uncaught();
    const server = await startRawEcho({ converse: () => replies });
    const raw = server.call("Converse");
    raw.data("", true);
    await endOf(server, raw);
    expect(found).toEqual([]);
    return { raw, ended: server.ended() };
  };

  test.each([
    ["throws", fails],
    ["rejects", () => Promise.reject(new Error("a bug"))],
  ])("that %s ends its call as a fault of ours, after what it gave before", async (_, last) => {
    let given = 0;
    const { raw, ended } = await answer(
      byHand(() => (given++ === 0 ? Promise.resolve({ done: false, value: { text: "a" } }) : last())),
    );
    expect(raw.replies.slice(0, 1)).toEqual(["a"]);
    expect(raw.statuses).toEqual(["13"]);
    expect(ended).toMatchObject([{ code: "Internal", level: "error" }]);
  });

  test("may give its results without promises", async () => {
    const texts = ["a", "b"];
    const { raw, ended } = await answer(
      byHand(() => (texts.length === 0 ? { done: true, value: undefined } : { value: { text: texts.shift() } })),
    );
    expect([raw.replies, raw.statuses]).toEqual([["a", "b"], ["0"]]);
    expect(ended).toMatchObject([{ code: "OK" }]);
  });
});

test("a drain ends every stream, whatever the handlers of the others throw", async () => {
  const found = uncaught();
  const server = await startRawEcho({ converse: () => byHand(() => new Promise(() => undefined), fails) });
  const calls = [1, 2, 3].map(() => server.call("Converse"));
  await server.settle();
  await server.server.drain(0);
  await server.settle();
  expect(calls.map(({ statuses }) => statuses)).toEqual([["14"], ["14"], ["14"]]);
  expect(server.ended()).toHaveLength(3);
  expect(found).toEqual([]);
});

describe("an error that cannot be told", () => {
  const NOPE = reasons("echo.v1")("NOPE", Code.NotFound, "No.");
  const spoilt = (spoil: (error: ConnectError) => void) => () => {
    const error = fail(NOPE, {});
    spoil(error);
    return error;
  };
  const value = { count: "no number" as unknown as bigint };
  const errors: readonly (readonly [string, string, () => unknown])[] = [
    ["has a detail that is no message", "13", spoilt((error) => error.details.push({ desc: EchoSchema, value }))],
    [
      "is a proxy that throws",
      "13",
      () =>
        new Proxy(
          {},
          { get: fails, getPrototypeOf: fails, has: fails, ownKeys: fails, getOwnPropertyDescriptor: fails },
        ),
    ],
    ["has the code of none", "2", spoilt((error) => Object.assign(error, { code: 99 }))],
    ["has the code of success", "2", spoilt((error) => Object.assign(error, { code: 0 }))],
    ["is nothing", "13", () => undefined],
    ["is null", "13", () => null],
    ["has no words", "13", () => new Error("")],
  ];
  const ways: readonly (readonly [string, (error: () => unknown) => Parameters<typeof startRawEcho>[0]])[] = [
    [
      "Say",
      (error) => ({
        say() {
          throw error();
        },
      }),
    ],
    [
      "Brief",
      (error) => ({
        async brief() {
          await Promise.resolve();
          throw error();
        },
      }),
    ],
    [
      "Gather",
      (error) => ({
        gather: () => Promise.reject(error()),
      }),
    ],
    [
      "Repeat",
      (error) => ({
        async *repeat() {
          yield { text: "a" };
          throw error();
        },
      }),
    ],
  ];

  test.each(errors.flatMap(([what, status, error]) => ways.map((way) => [what, ...way, status, error] as const)))(
    "because it %s ends a call of %s all the same, once",
    async (_, method, handlers, status, error) => {
      const found = uncaught();
      const server = await startRawEcho(handlers(error));
      const raw = server.call(method);
      raw.data(echo("a"), true);
      await endOf(server, raw);
      expect(raw.statuses).toEqual([status]);
      expect(raw.sent.at(-1)?.[0]).not.toBe("reset");
      expect(server.ended()).toHaveLength(1);
      expect(found).toEqual([]);
    },
  );

  test.each(PROTOCOLS)("is told by %s as a fault of ours, with the id of its line in the log", async (...protocol) => {
    const found = uncaught();
    const [, , error] = errors[0] as (typeof errors)[number];
    const server = await startRawEcho({
      async *converse() {
        yield* [];
        throw error();
      },
    });
    const stream = converse(server, protocol);
    await server.settle();
    const [line, ...more] = server.ended();
    expect(line).toMatchObject({ level: "error", code: "Internal", errorId: expect.stringMatching(/^err_/) });
    expect(line).toMatchObject({ err: { rawMessage: "No." }, untold: expect.stringContaining("cannot be encoded: ") });
    expect(JSON.stringify(stream.sent)).toContain(line?.errorId);
    expect(more).toEqual([]);
    expect(found).toEqual([]);
  });
});

describe.each(PROTOCOLS)("a caller by %s whose connection is lost", (...protocol) => {
  test("has left: that is no fault of ours", async () => {
    const found = uncaught();
    const server = await startRawEcho({
      async *converse() {
        yield* [];
        await new Promise((_, reject) => currentCall()?.onEnd(reject));
      },
    });
    const stream = converse(server, protocol);
    await server.settle();
    stream.breaks(ErrorCode.INTERNAL_ERROR, "connection");
    await server.settle();
    expect(server.ended()).toMatchObject([{ level: "info", code: "Canceled" }]);
    expect(found).toEqual([]);
  });

  test.each([
    ["throws", fails],
    ["gives no promise", () => ({ done: true, value: undefined })],
  ])("leaves no harm where the handler's iterator %s when it is asked to stop", async (_, end) => {
    const found = uncaught();
    const server = await startRawEcho({ converse: () => byHand(() => new Promise(() => undefined), end) });
    const stream = converse(server, protocol);
    await server.settle();
    stream.breaks(ErrorCode.CANCEL, "peer");
    await server.settle();
    expect(server.ended()).toMatchObject([{ level: "info", code: "Canceled" }]);
    expect(found).toEqual([]);
  });
});

test("a handler's iterator that gives no result ends its call as a fault of ours", async () => {
  let asked = 0;
  // Bounded, so that a call which goes on all the same comes to an end.
  const next = () => (asked++ < 50 ? undefined : { done: true, value: undefined });
  const replies = { [Symbol.asyncIterator]: () => ({ next }) } as unknown as AsyncIterable<{ text: string }>;
  const { call, settle } = await startRawEcho({ converse: () => replies });
  const raw = call("Converse");
  await settle();
  expect(raw.statuses).toEqual(["13"]);
});
