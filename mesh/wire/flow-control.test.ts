import { describe, expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
import {
  data,
  headers,
  REQUEST,
  request,
  response,
  rst,
  Setting,
  settings,
  windowUpdate,
} from "./fixtures/raw-frames.ts";
import { RawPeer } from "./fixtures/raw-peer.ts";
import { HeaderList } from "./header-list.ts";
import type { HttpStream } from "./http-stream.ts";

const OK = HeaderList.of({ ":status": "200" });
const GET = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test" });
const WINDOW_MAX = 0x7fff_ffff;

/** Bytes of DATA on each stream among the lines that were said. */
const bodies = (lines: readonly string[]): Record<string, number> => {
  const sums: Record<string, number> = {};
  for (const line of lines) {
    const [, id, text, quoted] = /^DATA (\d+) (?:(\d+) bytes|"(.*)")/s.exec(line) ?? [];
    if (id !== undefined) sums[id] = (sums[id] ?? 0) + (text === undefined ? (quoted ?? "").length : Number(text));
  }
  return sums;
};

/** A server with `count` streams whose answers have begun. */
const answering = (count: number, ...before: Buffer[]): { peer: RawPeer; streams: HttpStream[] } => {
  const peer = new RawPeer("server");
  peer.send(...before, ...Array.from({ length: count }, (_, index) => request(2 * index + 1)));
  for (const stream of peer.streams) stream.sendHeaders(OK, undefined, false);
  peer.said();
  peer.news();
  return { peer, streams: peer.streams };
};
const at = (streams: readonly HttpStream[], index: number): HttpStream => streams[index] as HttpStream;

describe("what we send", () => {
  test("stays within the stream's window and goes on when it opens", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 10]));
    at(streams, 0).sendData(Buffer.from("0123456789abcdef"), true);
    expect(peer.said()).toEqual(['DATA 1 "0123456789"']);
    expect(at(streams, 0).queuedBytes).toBe(6);
    peer.send(windowUpdate(1, 1));
    expect(peer.said()).toEqual(['DATA 1 "a"']);
    peer.send(windowUpdate(1, 100));
    expect(peer.said()).toEqual(['DATA 1 "bcdef" END']);
    expect(peer.connection.openStreams).toBe(0);
  });

  test("stays within the connection's window, which all streams share", () => {
    const { peer, streams } = answering(2, settings([Setting.WINDOW, 1_000_000]));
    for (const stream of streams) stream.sendData(Buffer.alloc(60_000), true);
    expect(Object.values(bodies(peer.said())).reduce((sum, bytes) => sum + bytes)).toBe(65_535);
    peer.send(windowUpdate(0, 54_465));
    peer.said();
    expect(peer.connection.openStreams).toBe(0);
  });

  test("is cut into frames that the peer takes, streams taking turns", () => {
    const { peer, streams } = answering(2, settings([Setting.WINDOW, 1_000_000]), windowUpdate(0, 1_000_000));
    peer.connection.setCongested(true);
    for (const stream of streams) stream.sendData(Buffer.alloc(40_000), true);
    peer.connection.setCongested(false);
    expect(peer.said()).toEqual([
      "DATA 1 16384 bytes",
      "DATA 3 16384 bytes",
      "DATA 1 16384 bytes",
      "DATA 3 16384 bytes",
      "DATA 1 7232 bytes END",
      "DATA 3 7232 bytes END",
    ]);
  });

  test("may be a larger frame once the peer has said so", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 1_000_000], [Setting.FRAME, 20_000]));
    at(streams, 0).sendData(Buffer.alloc(20_000), true);
    const lengths = peer.frames().map(({ payload }) => payload.length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(20_000);
    expect(lengths.reduce((sum, length) => sum + length)).toBe(20_000);
  });

  test("an empty end needs no window", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 0]));
    at(streams, 0).sendData(Buffer.alloc(0), true);
    expect(peer.said()).toEqual(['DATA 1 "" END']);
  });

  test("trailers wait behind the body", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 3]));
    at(streams, 0).sendData(Buffer.from("hello"), false);
    at(streams, 0).sendTrailers(HeaderList.of({ a: "b" }), ["c", "d"]);
    expect(peer.said()).toEqual(['DATA 1 "hel"']);
    peer.send(windowUpdate(1, 2));
    expect(peer.said()).toEqual(['DATA 1 "lo"', "HEADERS 1 a=b c=d END"]);
  });

  test("a prefix and its chunk stay together, window or not", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 3]));
    at(streams, 0).sendData(Buffer.from("world"), true, Buffer.from("hello "));
    peer.send(windowUpdate(1, 100));
    const sent = peer.frames().map(({ payload }) => payload.toString());
    expect(sent.join("")).toBe("hello world");
  });

  test("a small piece of a large buffer waits as a copy, which does not hold on to the buffer", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 0]));
    const large = Buffer.alloc(1_000, "a");
    at(streams, 0).sendData(large.subarray(0, 5), true);
    large.fill("b");
    peer.send(windowUpdate(1, 5));
    expect(peer.said()).toEqual(['DATA 1 "aaaaa" END']);
  });

  test("a window that SETTINGS shrink below zero must be made good first", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 100]));
    at(streams, 0).sendData(Buffer.alloc(200), true);
    expect(bodies(peer.said())).toEqual({ 1: 100 });
    peer.send(settings([Setting.WINDOW, 10]));
    peer.send(windowUpdate(1, 90));
    expect(bodies(peer.said())).toEqual({});
    peer.send(windowUpdate(1, 7));
    expect(bodies(peer.said())).toEqual({ 1: 7 });
    peer.send(settings([Setting.WINDOW, 103]));
    expect(bodies(peer.said())).toEqual({ 1: 93 });
    expect(peer.connection.openStreams).toBe(0);
  });

  test("a window may be as large as it gets, and one byte more is an error of the stream", () => {
    const { peer } = answering(1, settings([Setting.WINDOW, WINDOW_MAX]));
    peer.send(windowUpdate(1, 1));
    expect(peer.said()).toEqual(["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
    expect(peer.news()).toEqual(["reset 1 FLOW_CONTROL_ERROR local"]);
  });

  test("the connection's window that overflows ends the connection", () => {
    const { peer } = answering(1);
    peer.send(windowUpdate(0, WINDOW_MAX - 65_535));
    expect(peer.connection.closed).toBe(false);
    peer.send(windowUpdate(0, 1));
    expect(peer.said()).toEqual(["GOAWAY 1 FLOW_CONTROL_ERROR"]);
  });

  test("SETTINGS that overflow a stream's window end the connection", () => {
    const { peer } = answering(1);
    peer.send(windowUpdate(1, 1_000_000), settings([Setting.WINDOW, WINDOW_MAX]));
    expect(peer.said().at(-1)).toBe("GOAWAY 1 FLOW_CONTROL_ERROR");
  });

  test.each([
    ["a stream", 1, "RST_STREAM 1 PROTOCOL_ERROR"],
    ["the connection", 0, "GOAWAY 1 PROTOCOL_ERROR"],
  ])("WINDOW_UPDATE by 0 is an error of %s", (_, id, said) => {
    const { peer } = answering(1);
    peer.send(windowUpdate(id, 0));
    expect(peer.said()).toEqual([said]);
  });

  test("nothing of a stream that was reset leaves any more, and its bytes are forgotten", () => {
    const { peer, streams } = answering(2, settings([Setting.WINDOW, 10]));
    for (const stream of streams) stream.sendData(Buffer.alloc(1_000), true);
    peer.said();
    peer.send(rst(1, ErrorCode.CANCEL));
    at(streams, 1).reset(ErrorCode.CANCEL);
    expect(peer.said()).toEqual(["RST_STREAM 3 CANCEL"]);
    peer.send(windowUpdate(0, 10_000), settings([Setting.WINDOW, 10_000]));
    expect(bodies(peer.said())).toEqual({});
    expect(peer.connection.heldBytes).toBe(0);
  });
});

describe("back-pressure", () => {
  test("sendData tells when to wait, and onDrain comes once when all has left", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 0]), windowUpdate(0, 1_000_000));
    const stream = at(streams, 0);
    expect(stream.sendData(Buffer.alloc(65_536), false)).toBe(true);
    expect(stream.sendData(Buffer.alloc(1), false)).toBe(false);
    expect(stream.sendData(Buffer.alloc(1), false)).toBe(false);
    peer.send(windowUpdate(1, 65_537));
    peer.said();
    expect(peer.news()).toEqual([]);
    peer.send(windowUpdate(1, 1));
    peer.said();
    expect(peer.news()).toEqual(["drain 1"]);
    peer.send(windowUpdate(1, 1_000_000));
    expect(stream.sendData(Buffer.alloc(10), false)).toBe(true);
    peer.said();
    expect(peer.news()).toEqual([]);
  });

  test("onDrain does not come when the stream has ended with what was queued", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 0]), windowUpdate(0, 1_000_000));
    at(streams, 0).sendData(Buffer.alloc(100_000), false);
    at(streams, 0).sendTrailers(HeaderList.of({ a: "b" }), undefined);
    peer.send(windowUpdate(1, 200_000));
    peer.said();
    expect(peer.news()).toEqual([]);
    expect(peer.connection.openStreams).toBe(0);
  });

  test("a sender that answers each onDrain by more gets it all through", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 1_000_000_000]), windowUpdate(0, 1_000_000_000));
    const stream = at(streams, 0);
    let left = 50;
    const fill = () => {
      while (left > 0) {
        left--;
        if (!stream.sendData(Buffer.alloc(100_000), left === 0)) return;
      }
    };
    stream.handler = peer.noting(1, { onDrain: fill });
    fill();
    expect(bodies(peer.said())).toEqual({ 1: 5_000_000 });
    expect(peer.connection.openStreams).toBe(0);
  });

  test("a socket that takes no more holds bodies back, and no more output than a few frames is made", () => {
    const { peer, streams } = answering(1, settings([Setting.WINDOW, 100_000_000]), windowUpdate(0, 100_000_000));
    peer.connection.setCongested(true);
    at(streams, 0).sendData(Buffer.alloc(10_000_000), true);
    expect(peer.connection.output.length).toBe(0);
    peer.connection.setCongested(false);
    expect(peer.connection.output.length).toBeLessThan(300_000);
    expect(bodies(peer.said())).toEqual({ 1: 10_000_000 });
  });
});

describe("what we receive", () => {
  const limits = { streamWindowBytes: 1_000, connectionWindowBytes: 100_000, unreadBytesMax: 10_000 };

  test("is announced as it was set", () => {
    const peer = new RawPeer("server", { greet: false, limits });
    const [first, second] = peer.frames();
    expect(first?.payload.toString("hex")).toContain("0004000003e8");
    expect(second?.payload.readUInt32BE()).toBe(100_000 - 65_535);
  });

  test("is given back to the stream at half a window, as the application consumes", () => {
    const peer = new RawPeer("server", { limits });
    peer.send(request(1, { end: false }), data(1, Buffer.alloc(600)));
    const [stream] = peer.streams;
    expect(peer.said()).toEqual([]);
    stream?.consume(499);
    expect(peer.said()).toEqual([]);
    stream?.consume(1);
    expect(peer.said()).toEqual(["WINDOW_UPDATE 1 +500"]);
    stream?.consume(1_000_000);
    expect(peer.said()).toEqual([]);
    peer.send(data(1, Buffer.alloc(900)));
    stream?.consume(900);
    expect(peer.said()).toEqual(["WINDOW_UPDATE 1 +1000"]);
  });

  test("counts padding, which nobody needs to consume", () => {
    const peer = new RawPeer("server", { limits });
    peer.send(request(1, { end: false }), data(1, "hello", { pad: 255 }), data(1, "hello", { pad: 255 }));
    expect(peer.said()).toEqual(["WINDOW_UPDATE 1 +512"]);
  });

  test("may fill the window to its last byte; one more is an error of the stream", () => {
    const peer = new RawPeer("server", { limits });
    peer.send(request(1, { end: false }), data(1, Buffer.alloc(1_000)));
    expect(peer.said()).toEqual([]);
    peer.send(data(1, "x"));
    expect(peer.said()).toEqual(["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
    expect(peer.news().at(-1)).toBe("reset 1 FLOW_CONTROL_ERROR local");
  });

  test("beyond the connection's window ends the connection", () => {
    const peer = new RawPeer("server", { limits: { ...limits, streamWindowBytes: 1_000_000, unreadBytesMax: 0 } });
    peer.send(request(1, { end: false }));
    for (let count = 0; count < 10; count++) peer.send(data(1, Buffer.alloc(10_000)));
    expect(peer.connection.closed).toBe(false);
    peer.send(data(1, "x"));
    expect(peer.said()).toEqual(["GOAWAY 1 FLOW_CONTROL_ERROR"]);
  });

  test("one stream that nobody reads holds up no other", () => {
    const peer = new RawPeer("server", { limits: { ...limits, streamWindowBytes: 60_000, unreadBytesMax: 1_000_000 } });
    peer.send(request(1, { end: false }), request(3, { end: false }));
    for (let count = 0; count < 6; count++) peer.send(data(1, Buffer.alloc(10_000)));
    expect(peer.said()).toEqual(["WINDOW_UPDATE 0 +50000"]);
    for (let count = 0; count < 5; count++) peer.send(data(3, Buffer.alloc(10_000)));
    expect(peer.said()).toEqual(["WINDOW_UPDATE 0 +50000"]);
  });

  test("many streams that nobody reads get no more than the bound and a window", () => {
    const peer = new RawPeer("server", { limits: { ...limits, streamWindowBytes: 60_000 } });
    for (let id = 1; id < 40; id += 2) peer.send(request(id, { end: false }));
    let sent = 0;
    for (let count = 0; count < 100 && !peer.connection.closed; count++) {
      peer.send(data(2 * (count % 20) + 1, Buffer.alloc(10_000)));
      sent += 10_000;
      expect(peer.connection.heldBytes).toBeLessThanOrEqual(10_000 + 100_000 + 100);
    }
    expect(sent).toBeLessThanOrEqual(120_000);
    expect(peer.said().at(-1)).toBe("GOAWAY 39 FLOW_CONTROL_ERROR");
  });

  test("what was held back is given when the application reads again", () => {
    const peer = new RawPeer("server", { limits: { ...limits, streamWindowBytes: 80_000 } });
    peer.send(request(1, { end: false }));
    for (let count = 0; count < 7; count++) peer.send(data(1, Buffer.alloc(10_000)));
    expect(peer.said()).toEqual([]);
    peer.streams[0]?.consume(70_000);
    expect(peer.said().sort()).toEqual(["WINDOW_UPDATE 0 +70000", "WINDOW_UPDATE 1 +70000"]);
  });

  test("DATA of streams that are gone still goes back to the connection", () => {
    const peer = new RawPeer("server", { limits: { ...limits, streamWindowBytes: 80_000 } });
    peer.send(request(1, { end: false }));
    peer.streams[0]?.reset(ErrorCode.CANCEL);
    peer.said();
    for (let count = 0; count < 5; count++) peer.send(data(1, Buffer.alloc(10_000)));
    expect(peer.said()).toEqual(["WINDOW_UPDATE 0 +50000"]);
    expect(peer.connection.heldBytes).toBe(0);
  });

  test("a stream whose body has ended gets no more window", () => {
    const peer = new RawPeer("server", { limits });
    peer.send(request(1, { end: false }), data(1, Buffer.alloc(1_000), { end: true }));
    peer.streams[0]?.consume(1_000);
    expect(peer.said()).toEqual([]);
    // Nothing but the headers of the open stream.
    expect(peer.connection.heldBytes).toBeLessThan(200);
  });

  test("a client gives back the same way", () => {
    const peer = new RawPeer("client", { limits });
    const stream = peer.connection.request(GET, undefined, true, peer.noting(1));
    peer.said();
    peer.send(response(1), data(1, Buffer.alloc(700)));
    stream.consume(700);
    expect(peer.said()).toEqual(["WINDOW_UPDATE 1 +700"]);
    peer.send(data(1, Buffer.alloc(1_001)));
    expect(peer.said()).toEqual(["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
  });

  test("a zero-length HEADERS-only stream costs no window", () => {
    const peer = new RawPeer("server", { limits });
    peer.send(headers(1, REQUEST, { end: true, pad: 100 }));
    expect(peer.said()).toEqual([]);
    // Nothing but the headers of the open stream.
    expect(peer.connection.heldBytes).toBeLessThan(200);
  });
});
