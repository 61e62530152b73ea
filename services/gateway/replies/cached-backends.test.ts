import { create, type DescMethodUnary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { fakeTime } from "@heddle/mesh/testing";
import { ErrorCode, HeaderList, type HttpStream } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { methodOptionsOf, methodsWith } from "../fixtures/methods-with.ts";
import { NO_TRAFFIC } from "../fixtures/no-traffic.ts";
import { methodRoute } from "../routing/method-route.ts";
import { cachedBackends } from "./cached-backends.ts";
import { createReplyCache } from "./reply-cache.ts";

const methods = methodsWith({ Ask: methodOptionsOf({ cacheMs: 60_000 }), Do: methodOptionsOf({}) });
const ask = methods.Ask as DescMethodUnary;
const REQUEST = HeaderList.of({ ":method": "POST", "content-type": "application/json" });

/** The transport of one caller, to an instance in the test's hands. */
const start = () => {
  const time = fakeTime();
  const carried: HttpStream[] = [];
  const calledOff: HttpStream[] = [];
  const alone: string[] = [];
  const replies = createReplyCache({
    clock: time.clock,
    version: () => 1,
    carry(stream) {
      carried.push(stream);
      const onReset = () => calledOff.push(stream);
      stream.handler = { onHeaders() {}, onData() {}, onTrailers() {}, onReset, onDrain() {} };
    },
  });
  const backends = cachedBackends(
    {
      transportFor: (method): Transport => ({
        async unary() {
          alone.push(method.name);
          throw new ConnectError("alone", Code.Aborted);
        },
        stream: () => Promise.reject(new ConnectError("alone", Code.Aborted)),
      }),
    },
    {
      routes: { at: (path) => methodRoute(methods[path.split("/")[2] ?? ""] as DescMethodUnary, () => undefined) },
      traffic: NO_TRAFFIC,
      replies,
      timers: time.timers,
      instanceId: "ins_me",
    },
  );
  const call = (
    color: string,
    {
      method = ask,
      headers = REQUEST,
      signal,
      timeoutMs,
    }: { method?: DescMethodUnary; headers?: HeaderList; signal?: AbortSignal; timeoutMs?: number } = {},
  ) =>
    backends
      .transportFor(method, { headers, peer: "192.0.2.1:1" })
      .unary(method, signal, timeoutMs, undefined, { color } as never);
  const answer = (
    index: number,
    color: string,
    trailers: Record<string, string> = { "grpc-status": "0", "x-after": "1" },
  ) => {
    const stream = carried[index] ?? expect.fail("nothing was carried");
    stream.sendHeaders(HeaderList.of({ ":status": "200", "x-reply": "1" }), undefined, false);
    const message = toBinary(ask.output, create(ask.output, { color } as never));
    stream.sendData(encodeEnvelope(0, message), false);
    stream.sendTrailers(HeaderList.of(trailers), undefined);
  };
  return { time, carried, calledOff, alone, call, answer };
};

const failureOf = (call: Promise<unknown>): Promise<ConnectError> =>
  call.then(
    () => expect.fail("the call succeeded"),
    (error: unknown) => ConnectError.from(error),
  );

test("messages come from a shared call with its metadata, and from what is kept with its age", async () => {
  const { carried, call, answer, time } = start();
  const calls = [call("red"), call("red")];
  expect(carried).toHaveLength(1);
  answer(0, "a red thread");
  for (const { message, header, trailer } of await Promise.all(calls)) {
    expect(message).toMatchObject({ color: "a red thread" });
    expect([header.get("x-reply"), header.get("age"), trailer.get("x-after")]).toEqual(["1", null, "1"]);
  }
  await time.advance(2_000);
  const { message, header } = await call("red");
  expect([message, header.get("age")]).toEqual([expect.objectContaining({ color: "a red thread" }), "2"]);
});

test("errors pass as the instance gave them, and an answer that is none says so", async () => {
  const { carried, call, answer } = start();
  const refused = failureOf(call("red"));
  answer(0, "", { "grpc-status": "5", "grpc-message": "no such thread", "x-why": "1" });
  const error = await refused;
  expect([error.code, error.rawMessage, error.isWireError]).toEqual([Code.NotFound, "no such thread", true]);
  expect(error.metadata.get("x-why")).toBe("1");
  const reset = failureOf(call("red"));
  carried[1]?.reset(ErrorCode.INTERNAL_ERROR);
  expect((await reset).findDetails(ErrorInfoSchema)[0]?.reason).toBe("INSTANCE_UNREACHABLE");
  const empty = failureOf(call("red"));
  carried[2]?.sendHeaders(HeaderList.of({ ":status": "200" }), undefined, false);
  carried[2]?.sendTrailers(HeaderList.of({ "grpc-status": "0" }), undefined);
  expect((await empty).findDetails(ErrorInfoSchema)[0]?.reason).toBe("ANSWER_UNREADABLE");
});

test("a caller that leaves, or whose time is up, ends nobody else's call", async () => {
  const { time, calledOff, call, answer } = start();
  const leaving = new AbortController();
  const left = failureOf(call("red", { signal: leaving.signal }));
  const late = failureOf(call("red", { timeoutMs: 1_000 }));
  const patient = call("red");
  leaving.abort();
  await time.advance(1_001);
  expect([(await left).code, (await late).code, calledOff]).toEqual([Code.Canceled, Code.DeadlineExceeded, []]);
  answer(0, "red");
  expect((await patient).message).toMatchObject({ color: "red" });
  const last = failureOf(call("blue", { timeoutMs: 1_000 }));
  await time.advance(1_001);
  expect([(await last).code, calledOff.length, time.pending()]).toEqual([Code.DeadlineExceeded, 1, 0]);
});

test("methods without cache, and callers who want their own reply, are called as ever", async () => {
  const { alone, carried, call } = start();
  await failureOf(call("red", { method: methods.Do as DescMethodUnary }));
  await failureOf(call("red", { headers: HeaderList.of({ "cache-control": "no-cache" }) }));
  await failureOf(call("x".repeat(20_000)));
  expect([alone, carried]).toEqual([["Do", "Ask", "Ask"], []]);
});
