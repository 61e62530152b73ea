import { describe, expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
import {
  data,
  goAway,
  headers,
  ping,
  request,
  response,
  rst,
  Setting,
  settings,
  windowUpdate,
} from "./fixtures/raw-frames.ts";
import { RawPeer } from "./fixtures/raw-peer.ts";
import { HeaderList } from "./header-list.ts";
import type { HttpStream, StreamHandler } from "./http-stream.ts";

const OK = HeaderList.of({ ":status": "200" });
const GET = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test" });
const bug = new Error("a bug");
const fails = () => {
  throw bug;
};

describe("a handler that throws", () => {
  /** What is sent for stream 1 and ends in the callback. */
  const server: readonly (readonly [keyof StreamHandler, Buffer[]])[] = [
    ["onData", [data(1, "hello")]],
    ["onTrailers", [headers(1, [["a", "b"]], { end: true })]],
  ];

  test.each(server)("in %s has its stream reset with INTERNAL_ERROR; others go on", (callback, frames) => {
    const peer = new RawPeer("server");
    peer.send(request(1, { end: false }), request(3, { end: false }));
    const [stream] = peer.streams as [HttpStream];
    stream.handler = peer.noting(1, { [callback]: fails });
    peer.send(...frames, data(3, "hello"), data(1, "more!"));
    expect(peer.said()).toEqual(["RST_STREAM 1 INTERNAL_ERROR"]);
    expect(peer.errors).toEqual([bug]);
    expect(peer.news().at(-1)).toBe('data 2 "hello"');
    expect(peer.connection.openStreams).toBe(1);
  });

  test("in onStream likewise", () => {
    const peer = new RawPeer("server", { onStream: (stream) => peer.streams.indexOf(stream) === 0 && fails() });
    peer.send(request(1, { end: false }), request(3));
    expect(peer.said()).toEqual(["RST_STREAM 1 INTERNAL_ERROR"]);
    expect(peer.errors).toEqual([bug]);
    expect(peer.streams).toHaveLength(2);
    expect(peer.connection.openStreams).toBe(1);
  });

  test("in onHeaders of a client likewise", () => {
    const peer = new RawPeer("client");
    peer.connection.request(GET, undefined, true, peer.noting(1, { onHeaders: fails }));
    peer.connection.request(GET, undefined, true, peer.noting(2));
    peer.said();
    peer.send(response(1), response(3));
    expect(peer.said()).toEqual(["RST_STREAM 1 INTERNAL_ERROR"]);
    expect(peer.errors).toEqual([bug]);
    expect(peer.news()).toEqual(["headers 1 :status=200", "headers 2 :status=200"]);
  });

  test("in onReset has been told, and that is all", () => {
    const peer = new RawPeer("server");
    peer.send(request(1), request(3));
    const [stream] = peer.streams as [HttpStream];
    stream.handler = peer.noting(1, { onReset: fails });
    peer.send(rst(1, ErrorCode.CANCEL), ping());
    expect(peer.said()).toEqual(['PING ACK "12345678"']);
    expect(peer.errors).toEqual([bug]);
    expect(peer.connection.openStreams).toBe(1);
  });

  test("in onReset does not keep others from hearing that the connection is gone", () => {
    const peer = new RawPeer("server");
    peer.send(request(1), request(3));
    (peer.streams[0] as HttpStream).handler = peer.noting(1, { onReset: fails });
    peer.news();
    peer.connection.destroy();
    expect(peer.news()).toEqual(["reset 1 INTERNAL_ERROR connection", "reset 2 INTERNAL_ERROR connection", "closed"]);
    expect(peer.errors).toEqual([bug]);
  });

  test("when it is told of a pong, or of settings, leaves the connection as it is", () => {
    const peer = new RawPeer("client", { handler: { onSettings: fails } });
    peer.connection.ping(fails);
    for (const { type, flags, payload } of peer.frames()) {
      if (type === 6 && flags === 0) peer.send(ping(payload.toString("latin1"), true));
    }
    peer.send(settings());
    expect(peer.said()).toEqual(["SETTINGS ACK"]);
    expect(peer.errors.length).toBeGreaterThanOrEqual(2);
    expect(peer.connection.closed).toBe(false);
  });
});

describe("a handler that does everything from within its callbacks", () => {
  const everything = (peer: RawPeer, stream: HttpStream) => {
    stream.sendHeaders(OK, undefined, false);
    stream.sendData(Buffer.alloc(100_000), false);
    stream.consume(5);
    stream.sendTrailers(HeaderList.of({ a: "b" }), undefined);
    stream.reset(ErrorCode.CANCEL);
    stream.reset(ErrorCode.CANCEL);
    stream.sendData(Buffer.alloc(10), true);
    stream.consume(5);
    peer.connection.ping(() => undefined);
    peer.connection.drain();
    peer.connection.refill();
  };

  test("on a server does each once and no more", () => {
    const peer = new RawPeer("server", { onStream: (stream) => everything(peer, stream) });
    peer.send(request(1, { end: false }), data(1, "hello"), request(3), windowUpdate(0, 1_000_000));
    expect(peer.errors).toEqual([]);
    const said = peer.said();
    expect(said.filter((line) => line.startsWith("RST_STREAM"))).toEqual([
      "RST_STREAM 1 CANCEL",
      "RST_STREAM 3 CANCEL",
    ]);
    // One by each stream, and one for the drain, whose GOAWAY waits for its answer.
    expect(said.filter((line) => /^(GOAWAY|PING)/.test(line))).toEqual(["PING", "PING", "PING"]);
    expect(peer.connection.openStreams).toBe(0);
    expect(peer.connection.heldBytes).toBe(0);
  });

  const callbacks: readonly (readonly [keyof StreamHandler, Buffer])[] = [
    ["onHeaders", response(1)],
    ["onData", Buffer.concat([response(1), data(1, "hello")])],
    ["onTrailers", Buffer.concat([response(1), headers(1, [["a", "b"]], { end: true })])],
    ["onReset", rst(1, ErrorCode.CANCEL)],
    ["onReset", goAway(0, ErrorCode.NO_ERROR)],
    ["onReset", data(1, "hello")],
    ["onDrain", windowUpdate(1, 100_000)],
  ];

  test.each(callbacks)("may reset its stream and open another in %s", (callback, bytes) => {
    const peer = new RawPeer("client");
    peer.send(windowUpdate(0, 10_000_000), settings([Setting.STREAMS, 2]));
    let opened = 0;
    let calls = 0;
    const stream = peer.connection.request(GET, undefined, false, {
      ...peer.noting(1),
      [callback]: () => {
        calls++;
        stream.reset(ErrorCode.CANCEL);
        stream.sendData(Buffer.alloc(10), true);
        if (peer.connection.freeStreams === 0) return;
        peer.connection.request(GET, undefined, true, peer.noting(2));
        opened++;
      },
    });
    stream.sendData(Buffer.alloc(150_000), false);
    peer.said();
    peer.send(bytes);
    expect(calls).toBe(1);
    expect(peer.errors).toEqual([]);
    expect(peer.connection.openStreams).toBe(opened);
    const said = peer.said().filter((line) => !line.startsWith("DATA"));
    expect(said.filter((line) => line.startsWith("HEADERS"))).toHaveLength(opened);
    expect(said.filter((line) => line.startsWith("RST_STREAM")).length).toBeLessThanOrEqual(1);
  });

  test.each(callbacks)("may destroy the session in %s", (callback, bytes) => {
    const peer = new RawPeer("client");
    peer.send(windowUpdate(0, 10_000_000));
    const first = peer.connection.request(GET, undefined, false, {
      ...peer.noting(1),
      [callback]: () => {
        peer.heard.push(callback);
        peer.connection.destroy(ErrorCode.CANCEL);
      },
    });
    const second = peer.connection.request(GET, undefined, false, peer.noting(2));
    for (const stream of [first, second]) stream.sendData(Buffer.alloc(150_000), false);
    peer.said();
    peer.news();
    peer.send(bytes, response(3));
    expect(peer.errors).toEqual([]);
    expect(peer.connection.closed).toBe(true);
    expect(peer.connection.openStreams).toBe(0);
    const frames = peer.said();
    expect(frames.at(-1)).toBe("GOAWAY 0 CANCEL");
    expect(frames.filter((line) => line.startsWith("GOAWAY"))).toHaveLength(1);
    const news = peer.news();
    expect(news.filter((line) => line.startsWith("closed"))).toEqual(["closed"]);
    expect(news.filter((line) => line.startsWith("reset 2"))).toHaveLength(1);
    expect(peer.ended).toBe(true);
  });

  test("may open the next stream when it hears that one has ended", () => {
    let left = 20;
    const peer = new RawPeer("client", {
      handler: {
        onStreamClosed: () => {
          if (left-- > 0) peer.connection.request(GET, undefined, true, peer.noting(left));
        },
      },
    });
    peer.send(settings([Setting.STREAMS, 1]));
    peer.connection.request(GET, undefined, true, peer.noting(99));
    for (let id = 1; peer.connection.openStreams > 0; id += 2) peer.send(response(id, { end: true }));
    expect(left).toBe(-1);
    expect(peer.said().filter((line) => line.startsWith("HEADERS"))).toHaveLength(21);
  });

  test("may replace itself", () => {
    const peer = new RawPeer("server");
    peer.send(request(1, { end: false }));
    const [stream] = peer.streams as [HttpStream];
    const replace = () => {
      stream.handler = peer.noting(7);
    };
    stream.handler = peer.noting(1, { onData: replace });
    peer.send(data(1, "a....", {}), data(1, "b...."));
    expect(peer.news().slice(1)).toEqual(['data 1 "a...."', 'data 7 "b...."']);
  });
});
