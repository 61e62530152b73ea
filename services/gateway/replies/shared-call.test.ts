import type { DescMethod } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { FakeStream, fakeTime } from "@heddle/mesh/testing";
import { ErrorCode, HeaderList, type HttpStream } from "@heddle/mesh/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { methodOptionsOf, methodsWith } from "../fixtures/methods-with.ts";
import { planOf } from "../routing/call-plan.ts";
import { type MethodRoute, methodRoute } from "../routing/method-route.ts";
import { createSharedReplies } from "./share-replies.ts";

const MAX_AGE_MS = 60_000;
const methods = methodsWith({
  Ask: methodOptionsOf({ cacheMs: MAX_AGE_MS }),
  AskAll: methodOptionsOf({ cacheMs: MAX_AGE_MS, isPublic: true }),
});
const routeOf = (name: string): MethodRoute => methodRoute(methods[name] as DescMethod, () => undefined);

/** gRPC's text of a message, in Latin-1. */
const framed = (text: string): string => Buffer.from(encodeEnvelope(0, Buffer.from(text))).toString("latin1");

interface Carried {
  readonly stream: HttpStream;
  readonly headers: HeaderList;
  /** What came of the request. */
  body: string;
  ended: boolean;
  /** It was reset. */
  calledOff: boolean;
}

const start = () => {
  const time = fakeTime();
  const carried: Carried[] = [];
  let version = 1;
  const shared = createSharedReplies({
    ...time,
    version: () => version,
    instanceId: "ins_me",
    carry(stream, headers) {
      const call: Carried = { stream, headers, body: "", ended: false, calledOff: false };
      carried.push(call);
      stream.handler = {
        onHeaders() {},
        onData(chunk, end) {
          call.body += Buffer.from(chunk).toString("latin1");
          call.ended = end;
        },
        onTrailers() {},
        onReset() {
          call.calledOff = true;
        },
        onDrain() {},
      };
    },
  });
  /** A caller that asks for `color`. */
  const ask = (
    color: string,
    {
      method = "Ask",
      headers = {},
      timeoutMs,
      body = framed(color),
    }: { method?: string; headers?: Record<string, string>; timeoutMs?: number; body?: string } = {},
  ): FakeStream => {
    const route = routeOf(method);
    const list = HeaderList.of({
      ":method": "POST",
      ":path": `/loom.v1.LoomService/${method}`,
      "content-type": "application/grpc",
      ...headers,
    });
    const plan = planOf(list);
    plan.timeoutMs = timeoutMs;
    const caller = new FakeStream();
    shared.answer(caller, list, false, { method: route, plan });
    caller.data(body, true);
    return caller;
  };
  /** Answers what was carried as number `index`. */
  const answer = (index: number, text: string, fields: Record<string, string> = {}) => {
    const { stream } = carried[index] ?? expect.fail("nothing was carried");
    stream.sendHeaders(
      HeaderList.of({ ":status": "200", "content-type": "application/grpc+proto", ...fields }),
      undefined,
      false,
    );
    stream.sendData(Buffer.from(framed(text), "latin1"), false);
    stream.sendTrailers(HeaderList.of({ "grpc-status": "0" }), undefined);
  };
  const change = () => {
    version++;
  };
  return { time, carried, shared, ask, answer, change };
};

/** What a caller got: the message, and the age that was said. */
const got = ({ sent }: FakeStream) => {
  const [head, body] = sent;
  const fields = (head?.[1] ?? {}) as Record<string, string>;
  return { text: body?.[0] === "data" ? body[1].slice(5) : undefined, age: fields.age };
};

describe("replies of a method that declares cache", () => {
  test("are given again until they are as old as the contract lets them be, with their age", async () => {
    const { time, carried, ask, answer, shared } = start();
    const first = ask("red");
    expect(carried.map(({ body, ended }) => [body, ended])).toEqual([[framed("red"), true]]);
    answer(0, "a red thread");
    expect(first.sent).toEqual([
      ["headers", { ":status": "200", "content-type": "application/grpc+proto" }, "more"],
      ["data", framed("a red thread"), "more"],
      ["trailers", { "grpc-status": "0" }],
    ]);
    await time.advance(MAX_AGE_MS - 1);
    expect(got(ask("red"))).toEqual({ text: "a red thread", age: "59" });
    expect([carried.length, shared.replies.size]).toEqual([1, 1]);
    await time.advance(1);
    ask("red");
    expect(carried).toHaveLength(2);
  });

  test("belong to the request, to the service that is meant, and to the caller", () => {
    const { carried, ask, answer } = start();
    ask("red");
    answer(0, "red");
    ask("blue");
    ask("red", { headers: { "heddle-service": "order" } });
    ask("red", { headers: { authorization: "Bearer a" } });
    ask("red", { headers: { authorization: "Bearer b" } });
    ask("red", { headers: { "heddle-identity": "order" } });
    expect(carried).toHaveLength(6);
    answer(3, "for a");
    expect(got(ask("red", { headers: { authorization: "Bearer a" } })).text).toBe("for a");
    expect(carried).toHaveLength(6);
  });

  test("of a public method are everybody's, and the instance is told nobody's credentials or metadata", () => {
    const { carried, ask, answer } = start();
    ask("red", { method: "AskAll", headers: { authorization: "Bearer a", "x-mine": "1", "grpc-timeout": "1m" } });
    const sent = carried[0]?.headers ?? new HeaderList([]);
    expect(
      Object.fromEntries(sent.fields.map((name, at) => [name, sent.fields[at + 1]]).filter((_, at) => at % 2 === 0)),
    ).toEqual({
      ":method": "POST",
      ":scheme": "http",
      ":authority": "heddle",
      ":path": "/loom.v1.LoomService/AskAll",
      "content-type": "application/grpc+proto",
    });
    answer(0, "red");
    expect(got(ask("red", { method: "AskAll", headers: { authorization: "Bearer b" } })).text).toBe("red");
    expect(carried).toHaveLength(1);
  });

  test("are not kept when they are errors, compressed, too large, or the service says so", () => {
    const { carried, ask, answer, shared } = start();
    const failed = ask("red");
    carried[0]?.stream.sendHeaders(HeaderList.of({ ":status": "200", "grpc-status": "5" }), undefined, true);
    expect(failed.sent).toEqual([["headers", { ":status": "200", "grpc-status": "5" }, "end"]]);
    ask("red");
    answer(1, "secret", { "cache-control": "no-store" });
    const large = ask("red");
    answer(2, "x".repeat(300_000));
    expect(got(large).text).toHaveLength(300_000);
    ask("red");
    carried[3]?.stream.sendHeaders(HeaderList.of({ ":status": "200" }), undefined, false);
    carried[3]?.stream.sendData(Buffer.from("\x01\0\0\0\x01x", "latin1"), false);
    carried[3]?.stream.sendTrailers(HeaderList.of({ "grpc-status": "0" }), undefined);
    expect(shared.replies.size).toBe(0);
  });

  test("are forgotten when a contract changes, also those that were on their way", () => {
    const { carried, ask, answer, change } = start();
    ask("red");
    answer(0, "before");
    const late = ask("blue");
    change();
    ask("red");
    answer(1, "as of before");
    expect(got(late).text).toBe("as of before");
    ask("blue");
    expect(carried).toHaveLength(4);
  });
});

describe("callers who ask the same at the same time", () => {
  test("share one call and its answer, also when it fails", () => {
    const { carried, ask, answer } = start();
    const callers = [ask("red"), ask("red"), ask("red")];
    expect(carried).toHaveLength(1);
    answer(0, "red");
    expect(callers.map(got)).toEqual(callers.map(() => ({ text: "red", age: undefined })));
    const failing = [ask("blue"), ask("blue")];
    carried[1]?.stream.reset(ErrorCode.INTERNAL_ERROR);
    expect(failing.map(({ sent }) => sent)).toEqual([
      [["reset", ErrorCode.INTERNAL_ERROR]],
      [["reset", ErrorCode.INTERNAL_ERROR]],
    ]);
  });

  test("each have their own deadline, and the call goes on while one waits", async () => {
    const { time, carried, ask, answer } = start();
    const hasty = ask("red", { timeoutMs: 1_000 });
    const patient = ask("red", { timeoutMs: 10_000 });
    await time.advance(2_000);
    expect(hasty.sent[0]?.[1]).toMatchObject({ "grpc-status": "4" });
    expect([patient.sent, carried[0]?.calledOff]).toEqual([[], false]);
    answer(0, "red");
    expect(got(patient).text).toBe("red");
    await time.advance(20_000);
    expect(patient.sent).toHaveLength(3);
  });

  test("end the call when the last of them has left", () => {
    const { carried, ask } = start();
    const [one, two] = [ask("red"), ask("red")];
    one.breaks(ErrorCode.CANCEL, "peer");
    expect(carried[0]?.calledOff).toBe(false);
    two.breaks(ErrorCode.CANCEL, "peer");
    expect(carried[0]?.calledOff).toBe(true);
    ask("red");
    expect(carried).toHaveLength(2);
  });

  test("get one answer each, whoever leaves, and none that is too old", async () => {
    const action = fc.record({
      what: fc.constantFrom("ask", "ask", "ask", "leave", "answer", "fail", "change"),
      which: fc.nat(15),
      color: fc.constantFrom("red", "blue"),
      waitMs: fc.constantFrom(0, 0, 100, 3_000, 40_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const { time, carried, ask, answer, change } = start();
        const callers: { caller: FakeStream; color: string; hasLeft: boolean; timeoutMs: number; atMs: number }[] = [];
        const over = new Set<number>();
        for (const { what, which, color, waitMs } of actions) {
          const nowMs = time.clock.monotonicMs();
          const call = carried[which];
          const isOpen = call !== undefined && !call.calledOff && !over.has(which);
          if (what === "ask") {
            const timeoutMs = 2_000 + 1_000 * which;
            callers.push({ caller: ask(color, { timeoutMs }), color, hasLeft: false, timeoutMs, atMs: nowMs });
          } else if (what === "leave") {
            const one = callers[which];
            if (one === undefined || one.caller.sent.length > 0) continue;
            one.hasLeft = true;
            one.caller.breaks(ErrorCode.CANCEL, "peer");
          } else if (what === "answer" && isOpen) {
            over.add(which);
            // Says when it was made.
            answer(which, `${call.body.slice(5)} ${nowMs}`);
          } else if (what === "fail" && isOpen) {
            over.add(which);
            call.stream.sendHeaders(HeaderList.of({ ":status": "200", "grpc-status": "14" }), undefined, true);
          } else if (what === "change") change();
          if (waitMs > 0) await time.advance(waitMs);
        }
        await time.advance(60_000);
        for (const { caller, color, hasLeft, atMs } of callers) {
          if (hasLeft) {
            expect(caller.sent).toEqual([]);
            continue;
          }
          expect(caller.sent.filter(([kind]) => kind === "headers")).toHaveLength(1);
          const { text } = got(caller);
          if (text === undefined) continue;
          const [found, madeMs] = text.split(" ");
          expect(found).toBe(color);
          expect(atMs - Number(madeMs)).toBeLessThan(MAX_AGE_MS);
        }
        // Everybody has left or was answered: nothing goes on for nobody.
        for (const [index, { calledOff }] of carried.entries()) expect(calledOff || over.has(index)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a call goes its own way", () => {
  const cases: readonly [string, { readonly headers?: Record<string, string>; readonly body?: string }][] = [
    ["that wants no kept reply", { headers: { "cache-control": "no-cache" } }],
    ["that has been here before", { headers: { via: "2.0 other, 2.0 ins_me" } }],
    ["of another codec", { headers: { "content-type": "application/grpc+json" } }],
    ["whose messages may be compressed", { headers: { "grpc-encoding": "gzip" } }],
    ["whose message is compressed", { body: "\x01\0\0\0\x01x" }],
    ["whose message is not whole", { body: "\0\0\0\0\x05x" }],
    ["whose request is large", { body: framed("x".repeat(20_000)) }],
  ];
  test.each(cases)("%s", (_, options) => {
    const { carried, ask, answer, shared } = start();
    const caller = ask("red", options);
    const [call] = carried;
    expect(call?.stream).toBe(caller);
    expect([call?.body, call?.ended]).toEqual([options.body ?? framed("red"), true]);
    answer(0, "red");
    expect(shared.replies.size).toBe(0);
  });
});
