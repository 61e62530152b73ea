import { describe, expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
import {
  ACK,
  CLIENT_PREFACE,
  data,
  frame,
  headers,
  insertedField,
  literalBlock,
  ping,
  priority,
  REQUEST,
  request,
  rst,
  Setting,
  settings,
  settingsAck,
  Type,
  windowUpdate,
} from "./fixtures/raw-frames.ts";
import { RawPeer } from "./fixtures/raw-peer.ts";
import { HeaderList } from "./header-list.ts";

const OK = HeaderList.of({ ":status": "200" });

describe("the beginning", () => {
  test("of a server: SETTINGS and the connection's window, unasked", () => {
    const peer = new RawPeer("server", { greet: false });
    expect(peer.said()).toEqual(["SETTINGS", "WINDOW_UPDATE 0 +4128769"]);
    expect(peer.connection.settingsAcked).toBe(false);
    peer.send(CLIENT_PREFACE, settings(), settingsAck());
    expect(peer.said()).toEqual(["SETTINGS ACK"]);
    expect(peer.connection.settingsAcked).toBe(true);
  });

  test("of a client: preface, SETTINGS without push, the window", () => {
    const peer = new RawPeer("client", { greet: false });
    const output = peer.connection.takeOutput();
    const bytes = Buffer.from(output?.buffer.subarray(0, output.length) ?? []);
    expect(bytes.subarray(0, 24)).toEqual(CLIENT_PREFACE);
    expect(bytes.toString("hex")).toContain("000200000000");
  });

  test.each([1, 2, 7, 24, 25])("may come in pieces of %i bytes", (size) => {
    const peer = new RawPeer("server", { greet: false });
    const bytes = Buffer.concat([CLIENT_PREFACE, settings(), request(1)]);
    for (let at = 0; at < bytes.length; at += size) {
      expect(peer.connection.incomplete).toBe(at < 24 || peer.connection.incomplete);
      peer.send(bytes.subarray(at, at + size));
    }
    expect(peer.heard).toHaveLength(1);
    expect(peer.connection.incomplete).toBe(false);
  });

  test.each([
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\nhost: test\r\n\r\n")],
    ["a preface with its last byte wrong", Buffer.concat([CLIENT_PREFACE.subarray(0, 23), Buffer.of(0)])],
    ["a frame that is not SETTINGS", Buffer.concat([CLIENT_PREFACE, ping()])],
  ])("with %s ends the connection with PROTOCOL_ERROR", (_, bytes) => {
    const peer = new RawPeer("server", { greet: false });
    peer.send(bytes);
    expect(peer.said().at(-1)).toBe("GOAWAY 0 PROTOCOL_ERROR");
    expect(peer.ended).toBe(true);
  });
});

describe("SETTINGS", () => {
  test.each<readonly [string, Buffer, string]>([
    ["on a stream", frame(Type.SETTINGS, 0, 1), "PROTOCOL_ERROR"],
    ["ACK with a payload", frame(Type.SETTINGS, ACK, 0, Buffer.alloc(6)), "FRAME_SIZE_ERROR"],
    ["of 5 bytes", frame(Type.SETTINGS, 0, 0, Buffer.alloc(5)), "FRAME_SIZE_ERROR"],
    ["ENABLE_PUSH 2", settings([Setting.PUSH, 2]), "PROTOCOL_ERROR"],
    ["INITIAL_WINDOW_SIZE 2^31", settings([Setting.WINDOW, 2 ** 31]), "FLOW_CONTROL_ERROR"],
    ["MAX_FRAME_SIZE 16383", settings([Setting.FRAME, 16_383]), "PROTOCOL_ERROR"],
    ["MAX_FRAME_SIZE 2^24", settings([Setting.FRAME, 2 ** 24]), "PROTOCOL_ERROR"],
  ])("%s end the connection", (_, bytes, code) => {
    const peer = new RawPeer("server");
    peer.send(bytes);
    expect(peer.said().at(-1)).toBe(`GOAWAY 0 ${code}`);
  });

  test("of a server must not allow push", () => {
    const peer = new RawPeer("client");
    peer.said();
    peer.send(settings([Setting.PUSH, 1]));
    expect(peer.said().at(-1)).toBe("GOAWAY 0 PROTOCOL_ERROR");
  });

  test("that are unknown are ignored, and every frame of them is acknowledged", () => {
    const peer = new RawPeer("server");
    peer.send(settings([0xabcd, 1], [Setting.PUSH, 1]), settings([Setting.LIST, 0]));
    expect(peer.said()).toEqual(["SETTINGS ACK", "SETTINGS ACK"]);
  });

  test("tell the application, and count for a client's free streams", () => {
    let told = 0;
    const peer = new RawPeer("client", { greet: false, handler: { onSettings: () => void told++ } });
    expect(peer.connection.freeStreams).toBe(100);
    peer.send(settings());
    expect(peer.connection.freeStreams).toBe(0x7fff_ffff);
    peer.send(settings([Setting.STREAMS, 7]));
    expect(peer.connection.freeStreams).toBe(7);
    expect(told).toBe(2);
  });

  test("that shrink our table are obeyed at once, and announced in the next block", () => {
    const peer = new RawPeer("server");
    const answer = (id: number) => {
      peer.send(request(id));
      peer.streams.at(-1)?.sendHeaders(HeaderList.of({ ":status": "200", "x-name": "value" }), undefined, true);
      return peer.frames().find(({ type }) => type === Type.HEADERS)?.payload as Buffer;
    };
    for (const id of [1, 3, 5]) answer(id);
    const short = answer(7).length;
    peer.send(settings([Setting.TABLE, 0]));
    const block = answer(9);
    // RFC 7541, 4.2: a size update of 0 stands first; nothing refers to the table.
    expect(block[0]).toBe(0x20);
    expect(block.length).toBeGreaterThan(short + 5);
    peer.send(settings([Setting.TABLE, 4096]));
    expect((answer(11)[0] as number) & 0xe0).toBe(0x20);
  });

  test("of ours bound the table that the peer fills", () => {
    const peer = new RawPeer("server", { limits: { headerTableBytes: 100 } });
    peer.send(headers(1, Buffer.concat([Buffer.from([0x3f, 101 - 31]), literalBlock(REQUEST)]), { end: true }));
    expect(peer.said()).toEqual(["GOAWAY 0 COMPRESSION_ERROR"]);
    const within = new RawPeer("server", { limits: { headerTableBytes: 100 } });
    within.send(
      headers(1, Buffer.concat([Buffer.from([0x3f, 100 - 31]), literalBlock(REQUEST), insertedField("a", "b")])),
    );
    expect(within.said()).toEqual([]);
  });
});

describe("PING", () => {
  test("is answered with what it carried", () => {
    const peer = new RawPeer("server");
    peer.send(ping("abcdefgh"));
    expect(peer.said()).toEqual(['PING ACK "abcdefgh"']);
  });

  test("of ours tells the time of its round trip, in order", () => {
    const peer = new RawPeer("client");
    const times: number[] = [];
    peer.said();
    peer.connection.ping((ms) => times.push(ms));
    peer.clock.advance(5);
    peer.connection.ping((ms) => times.push(ms));
    peer.clock.advance(7);
    for (const { payload } of peer.frames()) peer.send(frame(Type.PING, ACK, 0, payload));
    expect(times).toEqual([12, 7]);
  });

  test("ACK that nobody waits for is ignored", () => {
    const peer = new RawPeer("server");
    peer.send(ping("abcdefgh", true));
    expect(peer.said()).toEqual([]);
  });

  test.each([
    ["on a stream", frame(Type.PING, 0, 1, "12345678"), "PROTOCOL_ERROR"],
    ["of 7 bytes", ping("1234567"), "FRAME_SIZE_ERROR"],
    ["ACK of 9 bytes", ping("123456789", true), "FRAME_SIZE_ERROR"],
  ])("%s ends the connection", (_, bytes, code) => {
    const peer = new RawPeer("server");
    peer.send(bytes);
    expect(peer.said()).toEqual([`GOAWAY 0 ${code}`]);
  });
});

describe("PRIORITY", () => {
  test("is ignored for streams that are idle, open or closed", () => {
    const peer = new RawPeer("server", { onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
    peer.send(priority(9, 1), request(1, { end: false }), priority(1, 7), data(1, "", { end: true }), priority(1, 0));
    expect(peer.said()).toEqual(["HEADERS 1 :status=200 END"]);
  });

  test("on stream 0 ends the connection", () => {
    const peer = new RawPeer("server");
    peer.send(priority(0, 1));
    expect(peer.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"]);
  });

  test.each([
    ["of 4 bytes", frame(Type.PRIORITY, 0, 1, "1234"), "FRAME_SIZE_ERROR"],
    ["on itself", priority(1, 1), "PROTOCOL_ERROR"],
  ])("%s is an error of the stream", (_, bytes, code) => {
    const peer = new RawPeer("server");
    peer.send(request(1), bytes);
    expect(peer.said()).toEqual([`RST_STREAM 1 ${code}`]);
  });
});

describe("a frame", () => {
  test("of a type that is unknown is ignored, on any stream", () => {
    const peer = new RawPeer("server");
    peer.send(frame(0x0c, 0xff, 0, "x"), frame(0xff, 0, 8, Buffer.alloc(16_384)), request(1));
    expect(peer.said()).toEqual([]);
    expect(peer.streams).toHaveLength(1);
  });

  test("has flags that mean nothing for its type ignored", () => {
    const peer = new RawPeer("server");
    peer.send(frame(Type.PING, 0xfe, 0, "abcdefgh"), frame(Type.WINDOW_UPDATE, 0xff, 0, Buffer.of(0, 0, 0, 1)));
    expect(peer.said()).toEqual(['PING ACK "abcdefgh"']);
  });

  test("that says it is longer than the limit ends the connection before its payload has come", () => {
    const peer = new RawPeer("server");
    peer.send(frame(Type.DATA, 0, 1, "", 16_385));
    expect(peer.said()).toEqual(["GOAWAY 0 FRAME_SIZE_ERROR"]);
  });

  test.each([
    ["RST_STREAM of 3 bytes", frame(Type.RST_STREAM, 0, 1, "123")],
    ["WINDOW_UPDATE of 5 bytes", frame(Type.WINDOW_UPDATE, 0, 1, "12345")],
  ])("%s ends the connection with FRAME_SIZE_ERROR", (_, bytes) => {
    const peer = new RawPeer("server");
    peer.send(request(1), bytes);
    expect(peer.said()).toEqual(["GOAWAY 1 FRAME_SIZE_ERROR"]);
  });

  test.each([
    ["DATA", data(0, "hello")],
    ["RST_STREAM", rst(0, ErrorCode.CANCEL)],
  ])("of %s on stream 0 ends the connection", (_, bytes) => {
    const peer = new RawPeer("server");
    peer.send(bytes);
    expect(peer.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"]);
  });

  test("with the reserved bit of a window is read without it", () => {
    const peer = new RawPeer("server");
    peer.send(settings([Setting.WINDOW, 0]), request(1));
    peer.streams[0]?.sendHeaders(OK, undefined, false);
    peer.streams[0]?.sendData(Buffer.from("hello"), true);
    peer.said();
    peer.send(windowUpdate(1, 0x8000_0003));
    expect(peer.said()).toEqual(['DATA 1 "hel"']);
  });
});
