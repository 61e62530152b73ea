import { describe, expect, test } from "vitest";
import {
  continuation,
  data,
  END_HEADERS,
  type Fields,
  frame,
  headers,
  literalBlock,
  PADDED,
  ping,
  REQUEST,
  request,
  response,
  Type,
  WITH_PRIORITY,
} from "./fixtures/raw-frames.ts";
import { RawPeer } from "./fixtures/raw-peer.ts";
import { HeaderList } from "./header-list.ts";

const OK = HeaderList.of({ ":status": "200" });
const ASKED = "stream 1 :method=POST :scheme=http :path=/a :authority=test";
const get = (method = "GET") =>
  HeaderList.of({ ":method": method, ":scheme": "http", ":path": "/", ":authority": "t" });

/** What a server says to one chunk, and what its application hears. */
const served = (...frames: Buffer[]): { said: string[]; heard: string[] } => {
  const peer = new RawPeer("server");
  peer.send(...frames);
  return { said: peer.said(), heard: peer.news() };
};

/** The same for a client that has asked for something. */
const answered = (frames: Buffer[], { method = "GET", end = true } = {}): { said: string[]; heard: string[] } => {
  const peer = new RawPeer("client");
  peer.connection.request(get(method), undefined, end, peer.noting(1));
  peer.said();
  peer.send(...frames);
  return { said: peer.said(), heard: peer.news() };
};

describe("a header block", () => {
  const block = literalBlock([...REQUEST, ["x-long", "y".repeat(100)]]);

  test.each([1, 5, 31])("is put together from a HEADERS and %i CONTINUATION frames", (count) => {
    const size = Math.ceil(block.length / (count + 1));
    const pieces = Array.from({ length: count + 1 }, (_, index) => block.subarray(index * size, (index + 1) * size));
    const [first = block, ...rest] = pieces;
    const { heard } = served(
      headers(1, first, { end: true, endHeaders: false }),
      ...rest.map((piece, index) => continuation(1, piece, index === rest.length - 1)),
    );
    expect(heard).toEqual([`${ASKED} x-long=${"y".repeat(100)} END`]);
  });

  test("may begin with an empty HEADERS and have empty CONTINUATIONs", () => {
    const { heard } = served(
      headers(1, Buffer.alloc(0), { endHeaders: false }),
      continuation(1, Buffer.alloc(0), false),
      continuation(1, block, false),
      continuation(1, Buffer.alloc(0), true),
    );
    expect(heard).toHaveLength(1);
  });

  test("may be padded and carry a priority, which is ignored", () => {
    expect(served(headers(1, REQUEST, { end: true, pad: 200, dependsOn: 0x8000_0003 })).heard).toEqual([
      `${ASKED} END`,
    ]);
    expect(served(headers(1, REQUEST, { pad: 0 })).heard).toEqual([ASKED]);
  });

  test.each([
    ["another stream's CONTINUATION", continuation(3, block, true)],
    ["DATA", data(1, "hello")],
    ["HEADERS", headers(3, block)],
    ["PING", ping()],
    ["a frame of a type that is unknown", frame(0xfa, 0, 1, "x")],
  ])("that is interrupted by %s ends the connection with PROTOCOL_ERROR", (_, intruder) => {
    const { said, heard } = served(headers(1, block.subarray(0, 10), { endHeaders: false }), intruder);
    expect(said).toEqual(["GOAWAY 0 PROTOCOL_ERROR"]);
    expect(heard).toEqual([expect.stringContaining("closed: ")]);
  });

  test.each([
    ["CONTINUATION without HEADERS", continuation(1, block, true), "PROTOCOL_ERROR"],
    ["CONTINUATION on stream 0", continuation(0, block, true), "PROTOCOL_ERROR"],
    ["HEADERS on stream 0", headers(0, REQUEST), "PROTOCOL_ERROR"],
    ["more padding than payload", frame(Type.HEADERS, END_HEADERS | PADDED, 1, Buffer.of(5, 1, 2)), "PROTOCOL_ERROR"],
    ["padding alone, without its length", frame(Type.HEADERS, END_HEADERS | PADDED, 1), "PROTOCOL_ERROR"],
    ["a priority that is cut", frame(Type.HEADERS, END_HEADERS | WITH_PRIORITY, 1, "1234"), "FRAME_SIZE_ERROR"],
    ["what is no HPACK", headers(1, Buffer.of(0x80)), "COMPRESSION_ERROR"],
    ["a block that is cut", headers(1, block.subarray(0, 20)), "COMPRESSION_ERROR"],
    ["PUSH_PROMISE", frame(Type.PUSH_PROMISE, END_HEADERS, 1, Buffer.of(0, 0, 0, 2)), "PROTOCOL_ERROR"],
  ])("%s ends the connection", (_, bytes, code) => {
    expect(served(bytes).said).toEqual([`GOAWAY 0 ${code}`]);
  });

  test("that is longer than a frame leaves in CONTINUATION frames", () => {
    const peer = new RawPeer("server");
    peer.send(request(1));
    peer.streams[0]?.sendHeaders(OK, ["x-long", "ÿ".repeat(20_000)], true);
    expect(peer.frames().map(({ type, flags, payload }) => [type, flags, payload.length])).toEqual([
      [Type.HEADERS, 1, 16_384],
      [Type.CONTINUATION, END_HEADERS, expect.any(Number)],
    ]);
  });
});

describe("a request", () => {
  const malformed: readonly (readonly [string, Fields])[] = [
    ["without :method", REQUEST.filter(([name]) => name !== ":method")],
    ["without :scheme", REQUEST.filter(([name]) => name !== ":scheme")],
    ["without :path", REQUEST.filter(([name]) => name !== ":path")],
    ["with an empty :path", [...REQUEST.filter(([name]) => name !== ":path"), [":path", ""]]],
    ["with :status", [[":status", "200"], ...REQUEST]],
    ["with :method twice", [[":method", "GET"], ...REQUEST]],
    ["with an unknown pseudo-header", [[":what", "x"], ...REQUEST]],
    ["with a pseudo-header behind others", [["a", "b"], ...REQUEST]],
    ["with an upper case name", [...REQUEST, ["Name", "x"]]],
    ["with an empty name", [...REQUEST, ["", "x"]]],
    ["with a space in a name", [...REQUEST, ["a b", "x"]]],
    ["with CR in a value", [...REQUEST, ["a", "x\ry"]]],
    ["with LF in a value", [...REQUEST, ["a", "x\ny"]]],
    ["with NUL in a value", [...REQUEST, ["a", "x\0y"]]],
    ["with a space before a value", [...REQUEST, ["a", " x"]]],
    ["with connection", [...REQUEST, ["connection", "close"]]],
    ["with transfer-encoding", [...REQUEST, ["transfer-encoding", "chunked"]]],
    ["with te other than trailers", [...REQUEST, ["te", "gzip"]]],
    ["with a content-length that is none", [...REQUEST, ["content-length", "1x"]]],
    ["with two content-lengths", [...REQUEST, ["content-length", "1"], ["content-length", "2"]]],
    ["CONNECT with a path", [...REQUEST.filter(([name]) => name !== ":method"), [":method", "CONNECT"]]],
  ];

  test.each(malformed)("%s is malformed: a stream error, and no handler hears of it", (_, fields) => {
    const { said, heard } = served(headers(1, fields, { end: true }));
    expect(said).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
    expect(heard).toEqual([]);
  });

  test("with CONNECT is refused by 405", () => {
    const { said, heard } = served(
      headers(1, [
        [":method", "CONNECT"],
        [":authority", "test:80"],
      ]),
    );
    expect(said).toEqual(["HEADERS 1 :status=405 allow=GET, POST END"]);
    expect(heard).toEqual([]);
  });

  test("for OPTIONS * is one", () => {
    const fields: Fields = [
      [":method", "OPTIONS"],
      [":scheme", "http"],
      [":path", "*"],
    ];
    expect(served(headers(1, fields, { end: true })).heard).toHaveLength(1);
  });

  test("that expects 100-continue gets it, unless it is answered at once", () => {
    const asks = request(1, { end: false, more: [["expect", "100-continue"]] });
    expect(served(asks).said).toEqual(["HEADERS 1 :status=100"]);
    const hasty = new RawPeer("server", { onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
    hasty.send(asks);
    expect(hasty.said()).toEqual(["HEADERS 1 :status=200 END"]);
    const rude = new RawPeer("server", { onStream: (stream) => stream.reset(8) });
    rude.send(asks);
    expect(rude.said()).toEqual(["RST_STREAM 1 CANCEL"]);
  });

  test("over the bound of header lists is answered by 431, and the connection goes on", () => {
    const peer = new RawPeer("server", { limits: { headerListBytesMax: 1_000 } });
    peer.send(
      request(1, { end: false, more: [["x", "y".repeat(1_000)]] }),
      data(1, "hello", { end: true }),
      request(3),
    );
    expect(peer.said()).toEqual(["HEADERS 1 :status=431 END"]);
    expect(peer.news()).toEqual([`${ASKED} END`]);
    expect(peer.connection.openStreams).toBe(1);
  });
});

describe("a body's length", () => {
  const promised = (length: string, end = false) => request(1, { end, more: [["content-length", length]] });

  test("that is what was promised is well", () => {
    expect(served(promised("5"), data(1, "he"), data(1, "llo", { end: true })).said).toEqual([]);
    expect(served(promised("0", true)).said).toEqual([]);
    expect(served(promised("5"), data(1, "hello"), headers(1, [["a", "b"]], { end: true })).said).toEqual([]);
    expect(served(promised("5"), data(1, "hello", { end: true, pad: 9 })).said).toEqual([]);
  });

  test.each([
    ["more", [data(1, "hello!")]],
    ["more, at its end", [data(1, "hello!", { end: true })]],
    ["less", [data(1, "hell", { end: true })]],
    ["less, before trailers", [data(1, "hell"), headers(1, [["a", "b"]], { end: true })]],
    ["nothing", [data(1, "", { end: true })]],
  ])("that is %s than promised is a stream error", (_, frames) => {
    const { said, heard } = served(promised("5"), ...frames);
    expect(said).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
    expect(heard.at(-1)).toBe("reset 1 PROTOCOL_ERROR local");
    expect(heard.some((line) => line.endsWith("END"))).toBe(false);
  });

  test("that was promised and does not come with the headers is a stream error", () => {
    expect(served(promised("5", true))).toEqual({ said: ["RST_STREAM 1 PROTOCOL_ERROR"], heard: [] });
  });

  test("of a response counts as well", () => {
    const length = (value: string, end = false) => response(1, { end, more: [["content-length", value]] });
    expect(answered([length("5"), data(1, "hello", { end: true })]).said).toEqual([]);
    expect(answered([length("5"), data(1, "hell", { end: true })]).said).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
    expect(answered([length("5", true)]).said).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
  });

  test("of a response to HEAD, of 204 and of 304 promises nothing", () => {
    const length = (status: string) =>
      headers(
        1,
        [
          [":status", status],
          ["content-length", "5"],
        ] as Fields,
        { end: true },
      );
    expect(answered([length("200")], { method: "HEAD" }).heard).toEqual(["headers 1 :status=200 content-length=5 END"]);
    expect(answered([length("304")]).said).toEqual([]);
    expect(answered([length("204")]).said).toEqual([]);
  });
});

describe("trailers", () => {
  test("end a request", () => {
    const { said, heard } = served(request(1, { end: false }), headers(1, [["a", "b"]], { end: true }));
    expect(said).toEqual([]);
    expect(heard).toEqual([ASKED, "trailers 1 a=b"]);
  });

  test.each([
    ["without END_STREAM", headers(1, [["a", "b"]])],
    ["with a pseudo-header", headers(1, [[":path", "/"]], { end: true })],
    ["with an upper case name", headers(1, [["A", "b"]], { end: true })],
    ["that depend on their own stream", headers(1, [["a", "b"]], { end: true, dependsOn: 1 })],
  ])("%s are a stream error", (_, frames) => {
    const { said, heard } = served(request(1, { end: false }), frames);
    expect(said).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
    expect(heard).toEqual([ASKED, "reset 1 PROTOCOL_ERROR local"]);
  });

  test("that are too long are a stream error", () => {
    const peer = new RawPeer("server", { limits: { headerListBytesMax: 1_000 } });
    peer.send(request(1, { end: false }), headers(1, [["a", "b".repeat(1_000)]], { end: true }));
    expect(peer.said()).toEqual(["RST_STREAM 1 ENHANCE_YOUR_CALM"]);
  });
});

describe("padding of DATA", () => {
  test("is taken off", () => {
    expect(served(request(1, { end: false }), data(1, "hello", { pad: 255 })).heard).toEqual([ASKED, 'data 1 "hello"']);
    expect(served(request(1, { end: false }), data(1, "", { pad: 10, end: true })).heard).toEqual([
      ASKED,
      'data 1 "" END',
    ]);
  });

  test.each([
    ["as long as the payload", Buffer.of(3, 1, 2)],
    ["without its length", Buffer.alloc(0)],
  ])("%s ends the connection", (_, payload) => {
    expect(served(request(1, { end: false }), frame(Type.DATA, PADDED, 1, payload)).said).toEqual([
      "GOAWAY 1 PROTOCOL_ERROR",
    ]);
  });
});

describe("a response", () => {
  test("may come behind interim ones", () => {
    const early = headers(1, [
      [":status", "103"],
      ["link", "x"],
    ] as Fields);
    const { said, heard } = answered([headers(1, [[":status", "100"]]), early, response(1, { end: true })]);
    expect(said).toEqual([]);
    expect(heard).toEqual(["headers 1 :status=200 END"]);
  });

  test.each([
    ["101", headers(1, [[":status", "101"]])],
    ["an interim one that ends", headers(1, [[":status", "100"]], { end: true })],
    ["no :status", headers(1, [["a", "b"]])],
    ["a :status that is no number", headers(1, [[":status", "2x0"]])],
    ["a :status of two digits", headers(1, [[":status", "20"]])],
    ["request fields", headers(1, REQUEST)],
    ["DATA after an interim one", Buffer.concat([headers(1, [[":status", "100"]]), data(1, "hello")])],
    ["itself as what it depends on", headers(1, [[":status", "200"]], { dependsOn: 1 })],
  ])("with %s is a stream error", (_, bytes) => {
    const { said, heard } = answered([bytes]);
    expect(said).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
    expect(heard).toEqual(["reset 1 PROTOCOL_ERROR local"]);
  });

  test("over the bound of header lists is a stream error, and so are its trailers", () => {
    const peer = new RawPeer("client", { limits: { headerListBytesMax: 1_000 } });
    const long = "y".repeat(1_000);
    peer.connection.request(get(), undefined, true, peer.noting(1));
    peer.connection.request(get(), undefined, true, peer.noting(2));
    peer.said();
    peer.send(response(1, { more: [["x", long]] }), response(3), headers(3, [["x", long]], { end: true }));
    expect(peer.said()).toEqual(["RST_STREAM 1 ENHANCE_YOUR_CALM", "RST_STREAM 3 ENHANCE_YOUR_CALM"]);
  });
});
