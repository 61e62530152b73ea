import { connect } from "node:net";
import { createLog } from "@heddle/mesh/observe";
import { createRpcServer, type HttpHandler } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { fakeTime } from "@heddle/mesh/testing";
import {
  connectSession,
  DEFAULT_WIRE_LIMITS,
  ErrorCode,
  HeaderList,
  type HttpStream,
  type StreamHandler,
} from "@heddle/mesh/wire";
import { expect, onTestFinished, test } from "vitest";
import { fakeCandidate } from "../fixtures/fake-candidate.ts";
import { PacedResets } from "./paced-resets.ts";
import { createRelay } from "./relay.ts";
import { createUpstreams } from "./upstreams.ts";

const { resetsBurst, resetsPerSecond } = DEFAULT_WIRE_LIMITS;

/** Streams that note when they are reset, and what of their body was taken. */
const streamsOf = (count: number) => {
  const codes: number[] = [];
  const taken: number[] = [];
  const streams = Array.from({ length: count }, () => {
    const stream = {
      closed: false,
      handler: undefined as HttpStream["handler"] | undefined,
      consume: (bytes: number) => void taken.push(bytes),
      reset(code: number) {
        stream.closed = true;
        codes.push(code);
      },
    };
    return stream as unknown as HttpStream & { closed: boolean };
  });
  return { streams, codes, taken };
};

test("a few resets go out at once", () => {
  const resets = new PacedResets(fakeTime());
  const { streams, codes } = streamsOf(10);
  for (const stream of streams) resets.reset(stream, 8);
  expect(codes).toEqual(Array(10).fill(8));
});

test("a crowd of resets never exceeds half of what an instance allows, and none is forgotten", async () => {
  const time = fakeTime();
  const resets = new PacedResets(time);
  const { streams, codes, taken } = streamsOf(resetsBurst * 2);
  for (const stream of streams) resets.reset(stream, 8);
  expect(codes).toHaveLength(resetsBurst / 2);
  streams.at(-1)?.handler.onData(Buffer.alloc(7), false);
  expect(taken).toEqual([7]);
  await time.advance(1_000);
  expect(codes.length).toBeLessThanOrEqual((resetsBurst + resetsPerSecond) / 2);
  await time.advance(((resetsBurst * 2) / resetsPerSecond) * 2_000);
  expect(codes).toHaveLength(streams.length);
  expect(resets.waiting).toBe(0);
  expect(time.pending()).toBe(0);
});

test("a stream that ends by itself while it waits costs no reset", async () => {
  const time = fakeTime();
  const resets = new PacedResets(time);
  const { streams, codes } = streamsOf(resetsBurst);
  for (const stream of streams) resets.reset(stream, 8);
  for (const stream of streams) (stream as { closed: boolean }).closed = true;
  await time.advance(100);
  expect(codes).toHaveLength(resetsBurst / 2);
  expect(resets.waiting).toBe(0);
});

test("callers who leave in crowds, each within its bounds, break off nobody else's call", async () => {
  const runtime = systemRuntime();
  const { clock, timers } = runtime;
  const log = createLog({ service: "test", level: "silent", clock, destination: { write: () => undefined } });
  const listen = async (unmatched: HttpHandler) => {
    const server = createRpcServer({ implementations: [], runtime, log, wire: "heddle", unmatched });
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    onTestFinished(async () => void (await server.drain(0)));
    return port;
  };
  // An instance that sends back what it gets.
  const instance = await listen((stream) => {
    stream.handler = {
      ...DEAF,
      onData(chunk) {
        stream.consume(chunk.length);
        stream.sendData(new Uint8Array(chunk), false);
      },
    };
    stream.sendHeaders(HeaderList.of({ ":status": "200" }), undefined, false);
  });
  const relay = createRelay({ runtime, instanceId: "ins_me", upstreams: createUpstreams("heddle", runtime) });
  onTestFinished(() => relay.close());
  const candidate = fakeCandidate(`127.0.0.1:${instance}`);
  const route = { service: "loom.v1.Loom", candidate, isUnary: false, timeoutMs: undefined, answerFields: [] };
  const gateway = await listen((stream, headers, end) => relay.send(stream, headers, end, route));
  const caller = () => {
    const socket = connect(gateway, "127.0.0.1").on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
    const session = connectSession(socket, { onStream() {} }, runtime);
    return (handler: StreamHandler) => session.request(CALL, undefined, false, handler);
  };

  const heard: string[] = [];
  const stays = caller()({
    ...DEAF,
    onData: (chunk) => heard.push(Buffer.from(chunk).toString()),
    onTrailers: () => heard.push("trailers"),
    onReset: (_, cause) => heard.push(`reset: ${cause}`),
  });
  stays.sendData(Buffer.from("before"), false);
  await expect.poll(() => heard).toEqual(["before"]);
  const crowd = Array.from({ length: 20 }, caller);
  for (let round = 0; round < 3; round++) {
    const streams = crowd.flatMap((open) => Array.from({ length: 60 }, () => open(DEAF)));
    await timers.sleep(20);
    for (const stream of streams) stream.reset(ErrorCode.CANCEL);
    await timers.sleep(80);
  }
  await timers.sleep(100);
  stays.sendData(Buffer.from("after"), false);
  await expect.poll(() => heard).toEqual(["before", "after"]);
});

const CALL = HeaderList.of({
  ":method": "POST",
  ":scheme": "http",
  ":authority": "loom",
  ":path": "/loom.v1.Loom/Weave",
});

const DEAF: StreamHandler = { onHeaders() {}, onData() {}, onTrailers() {}, onReset() {}, onDrain() {} };
