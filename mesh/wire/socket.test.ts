import { describe, expect, test } from "vitest";
import { fakeTime } from "../testing/fake-time.ts";
import {
  ACK,
  CLIENT_PREFACE,
  continuation,
  data,
  frame,
  headers,
  literalBlock,
  ping,
  REQUEST,
  request,
  rst,
  Setting,
  settings,
  settingsAck,
  Type,
  windowUpdate,
} from "./fixtures/raw-frames.ts";
import { RawSocket, type RawSocketOptions } from "./fixtures/raw-socket.ts";
import { HeaderList } from "./header-list.ts";
import type { HttpStream } from "./http-stream.ts";
import { DEFAULT_WIRE_LIMITS } from "./limits.ts";

const OK = HeaderList.of({ ":status": "200" });
const answer = (stream: HttpStream) => stream.sendHeaders(OK, undefined, true);
const { incompleteFrameMs, settingsTimeoutMs, idleTimeoutMs } = DEFAULT_WIRE_LIMITS;
/** Time is looked at once a second. */
const LOOK_MS = 2_000;

describe("a peer that writes slowly", () => {
  const block = literalBlock(REQUEST);
  const begun: readonly (readonly [string, Buffer[], boolean])[] = [
    ["sends nothing but a preface", [CLIENT_PREFACE], false],
    ["sends half a preface", [CLIENT_PREFACE.subarray(0, 10)], false],
    ["sends half a frame's header", [ping().subarray(0, 5)], true],
    ["sends half a frame", [request(1).subarray(0, 20)], true],
    ["sends half a header block", [headers(1, block.subarray(0, 20), { endHeaders: false })], true],
  ];

  test.each(begun)("%s loses its connection when its time is up, and not before", async (_, frames, greet) => {
    const peer = new RawSocket({ greet, onStream: answer });
    const good = new RawSocket({ time: peer.time, onStream: answer });
    peer.send(...frames);
    await peer.said();
    await good.said();
    await peer.time.advance(incompleteFrameMs - LOOK_MS);
    expect(await peer.said()).toEqual([]);
    await peer.time.advance(2 * LOOK_MS);
    // Without a preface SETTINGS are not acknowledged either, for which the time is the same.
    const code = greet ? "ENHANCE_YOUR_CALM" : "SETTINGS_TIMEOUT";
    expect(await peer.said()).toEqual([`GOAWAY 0 ${code}`]);
    expect(peer.ended).toBe(true);
    expect(peer.session.closed).toBe(true);
    good.send(request(1));
    expect(await good.said()).toEqual(["HEADERS 1 :status=200 END"]);
  });

  test("a byte now and then is not enough: a frame must be complete in time", async () => {
    const peer = new RawSocket({ onStream: answer });
    const bytes = request(1);
    await peer.said();
    for (let at = 0; at < bytes.length && !peer.session.closed; at++) {
      peer.send(bytes.subarray(at, at + 1));
      await peer.time.advance(1_000);
    }
    expect(await peer.said()).toEqual(["GOAWAY 0 ENHANCE_YOUR_CALM"]);
    expect(peer.streams).toEqual([]);
  });

  test("a CONTINUATION now and then is not enough: a header block must be complete in time", async () => {
    const peer = new RawSocket({ onStream: answer });
    peer.send(headers(1, Buffer.alloc(0), { end: true, endHeaders: false }));
    await peer.said();
    const startMs = peer.time.clock.monotonicMs();
    for (let count = 0; count < 30 && !peer.session.closed; count++) {
      peer.send(continuation(1, Buffer.alloc(0), false));
      await peer.time.advance(10_000);
    }
    expect(peer.session.closed).toBe(true);
    expect(peer.time.clock.monotonicMs() - startMs).toBeLessThanOrEqual(incompleteFrameMs + 10_000 + LOOK_MS);
  });

  test("but many frames, each cut by the end of a chunk, are well", async () => {
    const peer = new RawSocket();
    peer.send(request(1, { end: false }));
    const frames = Buffer.concat(Array.from({ length: 100 }, () => data(1, "hello there")));
    for (let at = 0; at < frames.length; at += 33) {
      peer.send(frames.subarray(at, at + 33));
      await peer.time.advance(10_000);
    }
    expect(peer.session.closed).toBe(false);
  });
});

describe("a peer that keeps silent", () => {
  test("about SETTINGS loses its connection with SETTINGS_TIMEOUT", async () => {
    const peer = new RawSocket({ greet: false, onStream: answer });
    peer.send(CLIENT_PREFACE, settings(), request(1));
    await peer.said();
    await peer.time.advance(settingsTimeoutMs - LOOK_MS);
    expect(await peer.said()).toEqual([]);
    await peer.time.advance(2 * LOOK_MS);
    expect(await peer.said()).toEqual(["GOAWAY 1 SETTINGS_TIMEOUT"]);
    expect(peer.ended).toBe(true);
  });

  test("is drained when nothing was open for long, and gone though it does not answer", async () => {
    const peer = new RawSocket({ onStream: answer });
    peer.send(request(1));
    await peer.said();
    await peer.time.advance(idleTimeoutMs - LOOK_MS);
    expect(await peer.said()).toEqual([]);
    await peer.time.advance(4 * LOOK_MS);
    expect(await peer.said()).toEqual(["PING", "GOAWAY 2147483647 NO_ERROR", "PING", "GOAWAY 1 NO_ERROR"]);
    expect(peer.ended).toBe(true);
  });

  test("is left alone while a stream is open", async () => {
    const peer = new RawSocket();
    peer.send(request(1, { end: false }));
    await peer.said();
    await peer.time.advance(3 * idleTimeoutMs);
    expect(await peer.said()).toEqual([]);
    peer.streams.map(answer);
    peer.send(data(1, "", { end: true }));
    expect(await peer.said()).toEqual(["HEADERS 1 :status=200 END"]);
    await peer.time.advance(idleTimeoutMs - LOOK_MS);
    expect(await peer.said()).toEqual([]);
  });
});

describe("a connection that has its age", () => {
  const limits = { ageMaxMs: 600_000 };

  test("is drained; what is open goes on, what crosses is served, then it closes", async () => {
    const peer = new RawSocket({ limits });
    peer.send(request(1));
    await peer.said();
    await peer.time.advance(600_000 - LOOK_MS);
    expect(await peer.said()).toEqual([]);
    await peer.time.advance(LOOK_MS + 1_000);
    const [asked] = await peer.frames();
    peer.send(frame(Type.PING, ACK, 0, asked?.payload));
    const drain = await peer.frames();
    expect(drain.map(({ type }) => type)).toEqual([Type.GOAWAY, Type.PING]);
    peer.send(request(3), frame(Type.PING, ACK, 0, drain[1]?.payload));
    const [second] = await peer.frames();
    peer.send(frame(Type.PING, ACK, 0, second?.payload));
    expect(await peer.said()).toEqual(["GOAWAY 3 NO_ERROR"]);
    await peer.time.advance(60_000);
    expect(peer.ended).toBe(false);
    for (const stream of peer.streams) answer(stream);
    expect(await peer.said()).toEqual(["HEADERS 1 :status=200 END", "HEADERS 3 :status=200 END"]);
    expect(peer.ended).toBe(true);
    expect(peer.news().at(-1)).toBe("closed");
  });

  test("is drained only once", async () => {
    const peer = new RawSocket({ limits });
    peer.send(request(1));
    await peer.said();
    await peer.time.advance(700_000);
    expect((await peer.said()).filter((line) => line.startsWith("GOAWAY"))).toHaveLength(2);
  });
});

describe("the end of a socket", () => {
  test("tells every stream, and leaves no timer behind", async () => {
    const peer = new RawSocket();
    peer.send(request(1, { end: false }));
    await peer.settle();
    expect(peer.time.pending()).toBe(1);
    peer.socket.end();
    await peer.settle();
    expect(peer.news().slice(1)).toEqual([expect.stringMatching(/^reset 1 .* connection$/), "closed"]);
    expect(peer.session.openStreams).toBe(0);
    expect(peer.time.pending()).toBe(0);
  });

  test("by our own choice leaves no timer behind once the last words are said", async () => {
    const peer = new RawSocket();
    peer.send(request(1, { end: false }));
    await peer.settle();
    peer.session.destroy();
    expect((await peer.said()).at(-1)).toBe("GOAWAY 1 NO_ERROR");
    await peer.time.advance(5_000);
    expect(peer.ended).toBe(true);
    expect(peer.served.destroyed).toBe(true);
    expect(peer.time.pending()).toBe(0);
  });

  test("comes after the last words even where the peer goes on talking", async () => {
    const peer = new RawSocket();
    peer.send(request(1));
    await peer.settle();
    peer.send(frame(Type.SETTINGS, 0, 1));
    for (let count = 0; count < 100; count++) peer.send(data(1, Buffer.alloc(10_000)));
    expect((await peer.said()).at(-1)).toBe("GOAWAY 1 PROTOCOL_ERROR");
    expect(peer.ended).toBe(true);
  });

  test("after a drain waits for a peer that takes the last answers slowly", async () => {
    const peer = new RawSocket({
      reads: false,
      onStream: (stream) => {
        if (peer.streams.length > 1) return answer(stream);
        stream.sendHeaders(OK, undefined, false);
        stream.sendData(Buffer.alloc(100_000), true);
      },
    });
    peer.send(settings([Setting.WINDOW, 1_000_000]), windowUpdate(0, 1_000_000), request(1));
    await peer.settle();
    // It stands behind the body, which fills the carrier.
    peer.send(request(3));
    await peer.settle();
    peer.session.drain();
    await peer.time.advance(10_000);
    expect(peer.session.closed).toBe(true);
    peer.read();
    const lines: string[] = [];
    for (let count = 0; count < 40; count++) lines.push(...(await peer.said()));
    expect(lines).toContain("HEADERS 3 :status=200 END");
    expect(peer.ended).toBe(true);
  });

  test("by an error tells why", async () => {
    const peer = new RawSocket();
    await peer.settle();
    peer.served.destroy(new Error("ECONNRESET"));
    await peer.settle();
    expect(peer.news()).toEqual(["closed: ECONNRESET"]);
  });

  test("of one connection leaves the others their timer", async () => {
    const time = fakeTime();
    const options: RawSocketOptions = { time, onStream: answer };
    const first = new RawSocket(options);
    const second = new RawSocket(options);
    await first.settle();
    first.socket.destroy();
    await first.settle();
    await second.said();
    expect(time.pending()).toBe(1);
    second.send(ping().subarray(0, 5));
    await second.settle();
    await time.advance(incompleteFrameMs + 2 * LOOK_MS);
    expect((await second.said()).at(-1)).toBe("GOAWAY 0 ENHANCE_YOUR_CALM");
  });
});

test("what waits in the carrier is not written over by what is sent later", async () => {
  const peer = new RawSocket({ reads: false });
  for (let id = 1; id < 40; id += 2) peer.send(request(id));
  await peer.settle();
  for (const [index, stream] of peer.streams.entries()) {
    stream.sendHeaders(OK, undefined, false);
    stream.sendData(Buffer.alloc(500, 65 + index), true);
    await peer.settle();
  }
  peer.read();
  const bodies = (await peer.frames()).filter(({ type }) => type === Type.DATA);
  expect(bodies.map(({ payload }) => payload.toString())).toEqual(
    peer.streams.map((_, index) => String.fromCharCode(65 + index).repeat(500)),
  );
});

test("a request that goes on after its answer is stopped after a while, and not at once", async () => {
  const peer = new RawSocket({ onStream: answer });
  await peer.said();
  peer.send(request(1, { end: false }));
  expect(await peer.said()).toEqual(["HEADERS 1 :status=200 END"]);
  await peer.time.advance(3_000);
  expect(await peer.said()).toEqual(["RST_STREAM 1 NO_ERROR"]);
  peer.send(request(3, { end: false }));
  await peer.settle();
  peer.send(rst(3, 0));
  await peer.time.advance(3_000);
  expect(await peer.said()).toEqual(["HEADERS 3 :status=200 END"]);
});

test("bytes that were put back before the session began are the first that it reads", async () => {
  const peer = new RawSocket({ greet: false, onStream: answer });
  peer.served.unshift(Buffer.concat([CLIENT_PREFACE, settings()]));
  peer.send(settingsAck(), request(1));
  expect((await peer.said()).at(-1)).toBe("HEADERS 1 :status=200 END");
});
