import { describe, expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
import { data, headers, REQUEST, request, response, rst, windowUpdate } from "./fixtures/raw-frames.ts";
import { RawPeer } from "./fixtures/raw-peer.ts";
import { HeaderList } from "./header-list.ts";

const OK = HeaderList.of({ ":status": "200" });
const GET = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test" });

describe("a server's stream", () => {
  test("carries a request and its answer, and is gone", () => {
    const peer = new RawPeer("server");
    peer.send(request(1, { end: false }), data(1, "hello"), data(1, "", { end: true }));
    expect(peer.news()).toEqual([
      "stream 1 :method=POST :scheme=http :path=/a :authority=test",
      'data 1 "hello"',
      'data 1 "" END',
    ]);
    const [stream] = peer.streams;
    stream?.sendHeaders(OK, ["x-extra", "1"], false);
    stream?.sendData(Buffer.from("world"), false, Buffer.from("the "));
    stream?.sendTrailers(HeaderList.of({ "grpc-status": "0" }), undefined);
    expect(peer.said()).toEqual([
      "HEADERS 1 :status=200 x-extra=1",
      'DATA 1 "the world"',
      "HEADERS 1 grpc-status=0 END",
    ]);
    expect(stream?.closed).toBe(true);
    expect(peer.connection.openStreams).toBe(0);
    expect(peer.news()).toEqual([]);
  });

  test("is half closed after the request: DATA is a stream error STREAM_CLOSED", () => {
    const peer = new RawPeer("server");
    peer.send(request(1), data(1, "late!"));
    expect(peer.said()).toEqual(["RST_STREAM 1 STREAM_CLOSED"]);
    expect(peer.news().slice(1)).toEqual(["reset 1 STREAM_CLOSED local"]);
  });

  test("is half closed after the request: HEADERS are a stream error STREAM_CLOSED", () => {
    const peer = new RawPeer("server");
    peer.send(request(1), headers(1, [["late", "1"]], { end: true }));
    expect(peer.said()).toEqual(["RST_STREAM 1 STREAM_CLOSED"]);
  });

  test("that both sides have ended takes no HEADERS: the connection ends with STREAM_CLOSED", () => {
    const peer = new RawPeer("server", { onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
    peer.send(request(1));
    peer.said();
    peer.send(headers(1, [["late", "1"]], { end: true }));
    expect(peer.said()).toEqual(["GOAWAY 1 STREAM_CLOSED"]);
    expect(peer.ended).toBe(true);
  });

  test("that both sides have ended takes no DATA, but WINDOW_UPDATE and RST_STREAM", () => {
    const peer = new RawPeer("server", { onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
    peer.send(request(1));
    peer.said();
    peer.send(windowUpdate(1, 10), rst(1, ErrorCode.CANCEL));
    expect(peer.said()).toEqual([]);
    peer.send(data(1, "late!"));
    expect(peer.said()).toEqual(["RST_STREAM 1 STREAM_CLOSED"]);
  });

  test.each([
    ["DATA", data(1, "hello")],
    ["RST_STREAM", rst(1, 0)],
    ["WINDOW_UPDATE", windowUpdate(1, 1)],
  ])("that is idle takes no %s: the connection ends with PROTOCOL_ERROR", (_, bytes) => {
    const peer = new RawPeer("server");
    peer.send(bytes);
    expect(peer.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"]);
  });

  test.each([
    ["an even id", 2],
    ["id 0", 0],
  ])("is not opened by %s", (_, id) => {
    const peer = new RawPeer("server");
    peer.send(request(id));
    expect(peer.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"]);
    expect(peer.streams).toEqual([]);
  });

  test("is not opened by an id that was passed over", () => {
    const peer = new RawPeer("server");
    peer.send(request(5), request(3));
    expect(peer.said()).toEqual(["GOAWAY 5 PROTOCOL_ERROR"]);
  });

  test("may have the largest id that there is", () => {
    const peer = new RawPeer("server", { onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
    peer.send(request(0x7fff_ffff));
    expect(peer.said()).toEqual(["HEADERS 2147483647 :status=200 END"]);
  });

  test("is named without the reserved bit", () => {
    const peer = new RawPeer("server", { onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
    peer.send(headers(0x8000_0001, REQUEST, { end: true }));
    expect(peer.said()).toEqual(["HEADERS 1 :status=200 END"]);
  });

  test("that the peer resets hears so once and sends nothing more", () => {
    const peer = new RawPeer("server");
    peer.send(request(1, { end: false }), rst(1, ErrorCode.CANCEL));
    const [stream] = peer.streams;
    expect(peer.news().slice(1)).toEqual(["reset 1 CANCEL peer"]);
    expect(stream?.closed).toBe(true);
    stream?.sendHeaders(OK, undefined, false);
    expect(stream?.sendData(Buffer.from("x"), true)).toBe(true);
    stream?.sendTrailers(OK, undefined);
    stream?.consume(5);
    stream?.reset(ErrorCode.CANCEL);
    expect(peer.said()).toEqual([]);
    expect(peer.news()).toEqual([]);
  });

  test("that we have reset ignores what was on its way", () => {
    const peer = new RawPeer("server", { onStream: (stream) => stream.reset(ErrorCode.CANCEL) });
    peer.send(request(1, { end: false }));
    expect(peer.said()).toEqual(["RST_STREAM 1 CANCEL"]);
    peer.send(data(1, "hello"), windowUpdate(1, 5), headers(1, [["trailer", "1"]], { end: true }), rst(1, 8));
    expect(peer.said()).toEqual([]);
    expect(peer.news().slice(1)).toEqual([]);
    expect(peer.connection.closed).toBe(false);
  });

  test("that we have reset keeps the compression in step by what was on its way", () => {
    const peer = new RawPeer("server", {
      onStream: (stream) => {
        if (peer.streams.length === 1) stream.reset(ErrorCode.CANCEL);
      },
    });
    peer.send(request(1, { end: false }));
    // A literal with incremental indexing in the trailers of the stream that is gone; then index 62 refers to it.
    peer.send(headers(1, Buffer.from([0x40, 1, 0x61, 1, 0x62]), { end: true }));
    peer.send(headers(3, Buffer.from([0x83, 0x86, 0x84, 0x01, 1, 0x74, 0xbe]), { end: true }));
    expect(peer.news().at(-1)).toBe("stream 2 :method=POST :scheme=http :path=/ :authority=t a=b END");
  });

  test("sends its end once", () => {
    const peer = new RawPeer("server");
    peer.send(request(1));
    const [stream] = peer.streams;
    stream?.sendHeaders(OK, undefined, false);
    stream?.sendHeaders(OK, undefined, false);
    stream?.sendData(Buffer.from("x"), true);
    stream?.sendData(Buffer.from("y"), true);
    stream?.sendTrailers(OK, undefined);
    expect(peer.said()).toEqual(["HEADERS 1 :status=200", 'DATA 1 "x" END']);
  });

  test("sends no body before its headers", () => {
    const peer = new RawPeer("server");
    peer.send(request(1));
    peer.streams[0]?.sendData(Buffer.from("x"), true);
    peer.streams[0]?.sendTrailers(OK, undefined);
    expect(peer.said()).toEqual([]);
  });

  test("that was answered to its end hears nothing more, and its body is thrown away", () => {
    const peer = new RawPeer("server", { onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
    peer.send(request(1, { end: false }));
    peer.news();
    for (let count = 0; count < 40; count++) peer.send(data(1, Buffer.alloc(16_384)));
    expect(peer.connection.heldBytes).toBeLessThan(10_000);
    peer.send(headers(1, [["trailer", "1"]], { end: true }));
    expect(peer.news()).toEqual([]);
    expect(peer.connection.openStreams).toBe(0);
  });

  test("that was answered to its end is reset with NO_ERROR when the request goes on for long", () => {
    const peer = new RawPeer("server", { onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
    peer.send(request(1, { end: false }));
    peer.said();
    peer.connection.stopSenders();
    expect(peer.said()).toEqual([]);
    peer.connection.stopSenders();
    expect(peer.said()).toEqual(["RST_STREAM 1 NO_ERROR"]);
    peer.send(data(1, "hello", { end: true }));
    expect(peer.said()).toEqual([]);
    expect(peer.connection.openStreams).toBe(0);
  });
});

describe("a client's stream", () => {
  const open = (peer: RawPeer, end = true) => peer.connection.request(GET, undefined, end, peer.noting(1));

  test("carries a request and its answer, and is gone", () => {
    const peer = new RawPeer("client");
    const stream = peer.connection.request(GET, ["x-extra", "1"], false, peer.noting(1));
    stream.sendData(Buffer.from("body"), true);
    expect(peer.said()).toEqual([
      "HEADERS 1 :method=GET :scheme=http :path=/ :authority=test x-extra=1",
      'DATA 1 "body" END',
    ]);
    peer.send(response(1), data(1, "hello"), headers(1, [["grpc-status", "0"]], { end: true }));
    expect(peer.news()).toEqual(["headers 1 :status=200", 'data 1 "hello"', "trailers 1 grpc-status=0"]);
    expect(stream.closed).toBe(true);
    expect(peer.connection.openStreams).toBe(0);
  });

  test("takes its ids in turn, and goes no further than the peer allows", () => {
    const peer = new RawPeer("client");
    open(peer);
    open(peer);
    expect(peer.said().map((line) => line.split(" ")[1])).toEqual(["1", "3"]);
    peer.send(Buffer.from([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2]));
    expect(peer.connection.freeStreams).toBe(0);
    expect(() => open(peer)).toThrow(RangeError);
    peer.send(response(1, { end: true }));
    expect(peer.connection.freeStreams).toBe(1);
    open(peer);
    expect(peer.said().at(-1)).toContain("HEADERS 5");
  });

  test("gets DATA before any headers: a stream error", () => {
    const peer = new RawPeer("client");
    open(peer);
    peer.said();
    peer.send(data(1, "hello"));
    expect(peer.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
    expect(peer.news()).toEqual(["reset 1 PROTOCOL_ERROR local"]);
  });

  test("that was refused was not processed", () => {
    const peer = new RawPeer("client");
    open(peer);
    peer.send(rst(1, ErrorCode.REFUSED_STREAM));
    expect(peer.news()).toEqual(["reset 1 REFUSED_STREAM unprocessed"]);
  });

  test("that the server has answered to its end, and then resets, hears that it need not send on", () => {
    const peer = new RawPeer("client");
    const stream = open(peer, false);
    peer.send(response(1, { end: true }), rst(1, ErrorCode.NO_ERROR));
    expect(peer.news()).toEqual(["headers 1 :status=200 END", "reset 1 NO_ERROR peer"]);
    expect(stream.closed).toBe(true);
  });

  test("goes on sending after the answer", () => {
    const peer = new RawPeer("client");
    const stream = open(peer, false);
    peer.send(response(1, { end: true }));
    peer.said();
    stream.sendData(Buffer.from("more!"), true);
    expect(peer.said()).toEqual(['DATA 1 "more!" END']);
    expect(stream.closed).toBe(true);
  });

  test.each([
    ["HEADERS", response(1)],
    ["DATA", data(1, "hello")],
    ["RST_STREAM", rst(1, 0)],
    ["WINDOW_UPDATE", windowUpdate(1, 1)],
    ["DATA on a stream of the server's", data(2, "hello")],
    ["HEADERS on a stream of the server's", response(2)],
    ["PUSH_PROMISE", Buffer.from([0, 0, 4, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2])],
  ])("that nobody has opened takes no %s: PROTOCOL_ERROR", (_, bytes) => {
    const peer = new RawPeer("client");
    peer.said();
    peer.send(bytes);
    expect(peer.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"]);
  });

  test("that we have reset ignores what was on its way", () => {
    const peer = new RawPeer("client");
    open(peer, false).reset(ErrorCode.CANCEL);
    peer.said();
    peer.send(response(1), data(1, "hello"), headers(1, [["a", "b"]], { end: true }), rst(1, 0));
    expect(peer.said()).toEqual([]);
    expect(peer.news()).toEqual([]);
  });

  test("sends HEADERS for a body-less request of its own accord once", () => {
    const peer = new RawPeer("client");
    const stream = open(peer);
    stream.sendHeaders(GET, undefined, true);
    stream.sendData(Buffer.from("x"), true);
    expect(peer.said()).toEqual(["HEADERS 1 :method=GET :scheme=http :path=/ :authority=test END"]);
  });
});
