import { expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
import {
  data,
  frame,
  goAway,
  headers,
  ping,
  priority,
  request,
  rst,
  Setting,
  settings,
  Type,
  windowUpdate,
} from "./fixtures/raw-frames.ts";
import { RawPeer } from "./fixtures/raw-peer.ts";
import { HeaderList } from "./header-list.ts";
import type { HttpStream } from "./http-stream.ts";

// Each of these was wrong once.

const OK = HeaderList.of({ ":status": "200" });
const GET = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test" });
const fails = () => {
  throw new Error("a bug");
};

/** A server with two streams that have more to send than they may, and the first of which fails when it may go on. */
const withBrokenDrain = (): RawPeer => {
  const peer = new RawPeer("server");
  peer.connection.setCongested(true);
  peer.send(settings([Setting.WINDOW, 1_000_000]), windowUpdate(0, 1_000_000), request(1), request(3));
  const [first, second] = peer.streams as [HttpStream, HttpStream];
  first.handler = peer.noting(1, { onDrain: fails });
  for (const stream of [first, second]) {
    stream.sendHeaders(OK, undefined, false);
    expect(stream.sendData(Buffer.alloc(70_000), false)).toBe(false);
  }
  return peer;
};

test("onDrain that throws has its stream reset, and the others are sent on", () => {
  const peer = withBrokenDrain();
  peer.connection.setCongested(false);
  const said = peer.said();
  expect(peer.errors).toHaveLength(1);
  expect(said).toContain("RST_STREAM 1 INTERNAL_ERROR");
  expect(said.filter((line) => line.startsWith("DATA 3"))).toHaveLength(5);
  expect(peer.connection.openStreams).toBe(1);
  peer.streams[1]?.sendData(Buffer.from("more!"), true);
  expect(peer.said()).toEqual(['DATA 3 "more!" END']);
});

test("onDrain that throws while a frame is received does no harm either", () => {
  const peer = new RawPeer("server");
  peer.send(settings([Setting.WINDOW, 0]), windowUpdate(0, 1_000_000), request(1), request(3));
  const [first, second] = peer.streams as [HttpStream, HttpStream];
  first.handler = peer.noting(1, { onDrain: fails });
  for (const stream of [first, second]) {
    stream.sendHeaders(OK, undefined, false);
    stream.sendData(Buffer.alloc(70_000), false);
  }
  peer.send(settings([Setting.WINDOW, 1_000_000]));
  expect(peer.errors).toHaveLength(1);
  expect(peer.said().filter((line) => line.startsWith("DATA 3"))).toHaveLength(5);
});

test("a request with a body that crosses the last GOAWAY is refused, and the others go on", () => {
  const peer = new RawPeer("server");
  peer.send(request(1));
  peer.connection.drain();
  peer.connection.goOnDraining();
  peer.connection.goOnDraining();
  peer.said();
  peer.send(request(3, { end: false }), data(3, "hello"), windowUpdate(3, 10), headers(3, [["a", "b"]], { end: true }));
  peer.send(request(5, { end: false }), rst(5, ErrorCode.CANCEL));
  expect(peer.said()).toEqual(["RST_STREAM 3 REFUSED_STREAM", "RST_STREAM 5 REFUSED_STREAM"]);
  expect(peer.connection.openStreams).toBe(1);
});

test("requests behind the last GOAWAY are resets that are counted", () => {
  const peer = new RawPeer("server");
  peer.send(request(1));
  peer.connection.drain();
  peer.connection.goOnDraining();
  peer.connection.goOnDraining();
  peer.said();
  let answers = 0;
  for (let id = 3; id < 20_000 && !peer.connection.closed; id += 2) {
    peer.send(request(id));
    answers += peer.said().length;
  }
  expect(answers).toBeLessThan(1_100);
});

test("credit that was held back is given when the unread streams are reset", () => {
  const limits = { connectionWindowBytes: 100_000, unreadBytesMax: 30_000, streamWindowBytes: 80_000 };
  const peer = new RawPeer("server", { limits });
  peer.send(request(1, { end: false }), request(3, { end: false }));
  for (let count = 0; count < 5; count++) peer.send(data(1, Buffer.alloc(16_000)));
  peer.send(data(3, Buffer.alloc(16_000)));
  expect(peer.said()).toEqual([]);
  peer.streams[0]?.reset(ErrorCode.CANCEL);
  expect(peer.said().sort()).toEqual(["RST_STREAM 1 CANCEL", "WINDOW_UPDATE 0 +96000"]);
});

test("a peer that takes large frames gets large bodies, and keeps its connection", () => {
  const peer = new RawPeer("server");
  peer.send(
    settings([Setting.WINDOW, 10_000_000], [Setting.FRAME, 16_777_215]),
    windowUpdate(0, 10_000_000),
    request(1),
  );
  peer.streams[0]?.sendHeaders(OK, undefined, false);
  peer.streams[0]?.sendData(Buffer.alloc(4_000_000), true);
  peer.send(ping());
  expect(peer.connection.closed).toBe(false);
  const bodies = peer.frames().filter(({ type }) => type === Type.DATA);
  expect(bodies.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(4_000_000);
});

test("a chunk of many requests, each answered at once with long headers, is no attack", () => {
  const peer = new RawPeer("server", {
    onStream: (stream) => stream.sendHeaders(OK, ["x", "y".repeat(1_000)], true),
  });
  peer.send(...Array.from({ length: 2_000 }, (_, index) => request(2 * index + 1)));
  expect(peer.connection.closed).toBe(false);
  expect(peer.said()).toHaveLength(2_000);
});

test.each([
  ["on itself", priority(5, 5)],
  ["of a wrong length", frame(Type.PRIORITY, 0, 5, "1234")],
])("PRIORITY %s for an idle stream is not answered by RST_STREAM on an idle stream", (_, bytes) => {
  const peer = new RawPeer("server");
  peer.send(bytes);
  expect(peer.said().filter((line) => line.startsWith("RST_STREAM"))).toEqual([]);
});

test("PRIORITY on itself resets a stream once", () => {
  const peer = new RawPeer("server");
  peer.send(request(1), priority(1, 1), priority(1, 1));
  expect(peer.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
});

test("nothing is heard after onClose, though the session was destroyed in the middle of a GOAWAY", () => {
  const peer = new RawPeer("client");
  peer.connection.request(GET, undefined, true, peer.noting(1, { onReset: () => peer.connection.destroy() }));
  peer.send(goAway(0, ErrorCode.NO_ERROR));
  expect(peer.news().at(-1)).toBe("closed");
});

test("onStreamClosed that throws does not escape", () => {
  const peer = new RawPeer("server", { handler: { onStreamClosed: fails } });
  peer.send(request(1), request(3));
  peer.news();
  expect(() => peer.connection.destroy()).not.toThrow();
  expect(peer.news()).toHaveLength(3);
  expect(peer.errors).toHaveLength(2);
});

test("a connection's window of the RFC's size needs no WINDOW_UPDATE", () => {
  const peer = new RawPeer("server", { greet: false, limits: { connectionWindowBytes: 65_535 } });
  expect(peer.said()).toEqual(["SETTINGS"]);
});

test("a PING ACK with another payload answers no PING of ours", () => {
  const peer = new RawPeer("client");
  let pongs = 0;
  peer.connection.ping(() => pongs++);
  peer.send(ping("somethng", true));
  expect(pongs).toBe(0);
});

test("an END that waits for the socket does not wait for another stream's window", () => {
  const peer = new RawPeer("server");
  peer.send(request(1), request(3));
  const [first, second] = peer.streams as [HttpStream, HttpStream];
  for (const stream of [first, second]) stream.sendHeaders(OK, undefined, false);
  peer.connection.setCongested(true);
  first.sendData(Buffer.alloc(65_536), false);
  second.sendData(Buffer.alloc(0), true);
  peer.connection.setCongested(false);
  expect(peer.said()).toContain('DATA 3 "" END');
});

test("a WINDOW_UPDATE does not follow the last GOAWAY", () => {
  const limits = { connectionWindowBytes: 100_000, unreadBytesMax: 0, streamWindowBytes: 100_000 };
  const peer = new RawPeer("server", { limits });
  peer.send(request(1, { end: false }));
  for (let count = 0; count < 5; count++) peer.send(data(1, Buffer.alloc(16_000)));
  peer.send(frame(Type.PING, 0, 1, "12345678"));
  expect(peer.said()).toEqual(["GOAWAY 1 PROTOCOL_ERROR"]);
});
