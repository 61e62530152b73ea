import { describe, expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
import { flood, goodClient, OK } from "./fixtures/flood.ts";
import {
  ACK,
  continuation,
  data,
  type Fields,
  frame,
  goAway,
  headers,
  insertedField,
  literalBlock,
  ping,
  priority,
  REQUEST,
  request,
  response,
  rst,
  Setting,
  settings,
  Type,
  windowUpdate,
} from "./fixtures/raw-frames.ts";
import { RawPeer, type RawPeerOptions } from "./fixtures/raw-peer.ts";
import { HeaderList } from "./header-list.ts";
import type { HttpStream } from "./http-stream.ts";
import { DEFAULT_WIRE_LIMITS } from "./limits.ts";

const CALM = expect.stringMatching(/^GOAWAY \d+ ENHANCE_YOUR_CALM$/);
const GET = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test" });

const { resetsBurst, controlFramesBurst, windowUpdatesBurst, tinyDataFramesBurst } = DEFAULT_WIRE_LIMITS;

describe("streams that end early (Rapid Reset, MadeYouReset)", () => {
  const answers: RawPeerOptions = { onStream: (stream) => void stream.sendHeaders(OK, undefined, false) };

  test("by the peer's RST_STREAM end the connection after the burst", () => {
    const { reached, last } = flood((turn) =>
      Buffer.concat([request(2 * turn + 1), rst(2 * turn + 1, ErrorCode.CANCEL)]),
    );
    expect(last).toEqual(CALM);
    expect(reached).toBe(resetsBurst + 1);
  });

  /** What makes the engine reset stream `id`, which is open and whose answer has begun. */
  const triggers: readonly (readonly [string, (id: number) => Buffer, boolean])[] = [
    ["WINDOW_UPDATE by 0", (id) => windowUpdate(id, 0), true],
    ["WINDOW_UPDATE beyond the largest window", (id) => windowUpdate(id, 0x7fff_ffff), true],
    ["DATA after END_STREAM", (id) => data(id, "hello"), true],
    ["HEADERS after END_STREAM", (id) => headers(id, [["a", "b"]], { end: true }), true],
    ["PRIORITY on itself", (id) => priority(id, id), true],
    ["PRIORITY of a wrong length", (id) => frame(Type.PRIORITY, 0, id, "x"), true],
    ["HEADERS that depend on their own stream", (id) => headers(id, [["a", "b"]], { end: true, dependsOn: id }), true],
    ["trailers without END_STREAM", (id) => headers(id, [["a", "b"]]), false],
    ["malformed trailers", (id) => headers(id, [["A", "b"]], { end: true }), false],
    ["DATA beyond the stream's window", (id) => data(id, Buffer.alloc(2_000)), false],
  ];
  test.each(triggers)("by ours for %s end the connection after the burst", (_, trigger, end) => {
    const {
      reached,
      last,
      answers: said,
    } = flood((turn) => Buffer.concat([request(2 * turn + 1, { end }), trigger(2 * turn + 1)]), {
      ...answers,
      limits: { streamWindowBytes: 1_000 },
    });
    expect(last).toEqual(CALM);
    // PRIORITY is a control frame besides, whose burst is as long.
    expect(reached).toBeLessThanOrEqual(resetsBurst + 1);
    expect(reached).toBeGreaterThan(resetsBurst - 5);
    expect(said).toBeLessThan(3 * resetsBurst);
  });

  const refused: readonly (readonly [string, (id: number) => Buffer])[] = [
    [
      "a body over its content-length",
      (id) => Buffer.concat([request(id, { end: false, more: [["content-length", "3"]] }), data(id, "hello")]),
    ],
    ["a content-length and no body", (id) => request(id, { more: [["content-length", "3"]] })],
    ["a malformed request", (id) => headers(id, [["a", "b"]], { end: true })],
    ["a request that depends on itself", (id) => headers(id, REQUEST, { dependsOn: id })],
  ];
  test.each(refused)("by ours for %s end the connection after the burst", (_, trigger) => {
    const { sent, last } = flood((turn) => trigger(2 * turn + 1), answers);
    expect(last).toEqual(CALM);
    expect(sent).toBe(resetsBurst + 1);
  });

  test("by refusal of more streams than are allowed end the connection after the burst", () => {
    const { sent, last, reached, peer } = flood((turn) => request(2 * turn + 1), {
      limits: { concurrentStreamsMax: 10 },
    });
    expect(last).toEqual(CALM);
    expect(sent).toBe(10 + resetsBurst + 1);
    expect(reached).toBe(10);
    expect(peer.connection.openStreams).toBe(0);
  });

  test("on streams that are closed already end the connection after the burst", () => {
    const { last, sent } = flood(
      () => rst(1, ErrorCode.CANCEL),
      {},
      (peer) => peer.send(request(1)),
    );
    expect(last).toEqual(CALM);
    expect(sent).toBe(resetsBurst + 1);
  });

  test("are allowed again as time goes by, and as other streams come to their proper end", () => {
    const limits = { resetsBurst: 10, resetsPerSecond: 1 };
    const peer = new RawPeer("server", { limits, onStream: (stream) => void stream.sendHeaders(OK, undefined, true) });
    let id = -1;
    const next = () => {
      id += 2;
      return id;
    };
    const resets = () => {
      for (let count = 0; count < 5; count++) peer.send(request(next(), { end: false }), rst(id, ErrorCode.CANCEL));
    };
    for (let turn = 0; turn < 50; turn++) {
      resets();
      peer.clock.advance(5_000);
    }
    for (let turn = 0; turn < 50; turn++) {
      resets();
      for (let count = 0; count < 5; count++) peer.send(request(next()));
    }
    expect(peer.connection.closed).toBe(false);
  });
});

describe("floods of frames", () => {
  const floods: readonly (readonly [string, (turn: number) => Buffer, number])[] = [
    ["SETTINGS", () => settings(), controlFramesBurst],
    ["SETTINGS that shift all windows", (turn) => settings([Setting.WINDOW, turn % 2]), controlFramesBurst],
    ["PING", () => ping(), controlFramesBurst],
    ["PRIORITY", () => priority(9, 1), controlFramesBurst],
    ["GOAWAY", () => goAway(0, ErrorCode.NO_ERROR), controlFramesBurst],
    ["unknown frames", () => frame(0xee, 0, 0, "hello"), controlFramesBurst],
    ["WINDOW_UPDATE on the connection", () => windowUpdate(0, 1), windowUpdatesBurst],
    ["WINDOW_UPDATE on a stream", () => windowUpdate(1, 1), windowUpdatesBurst],
    ["empty DATA", () => data(1, ""), tinyDataFramesBurst],
    ["DATA of one byte", () => data(1, "x"), tinyDataFramesBurst],
    ["DATA of padding alone", () => data(1, "", { pad: 200 }), tinyDataFramesBurst],
  ];

  test.each(floods)(
    "of %s end the connection after the burst, and cost no more than an answer each",
    (_, next, burst) => {
      const { sent, answers, last } = flood(next, {}, (peer) => {
        // The greeting's own SETTINGS have been counted.
        peer.send(request(1, { end: false }));
        peer.streams[0]?.sendHeaders(OK, undefined, false);
        peer.said();
      });
      expect(last).toEqual(CALM);
      expect(sent).toBeGreaterThan(burst - 5);
      expect(sent).toBeLessThan(burst + 5);
      expect(answers).toBeLessThan(sent + 500);
    },
  );

  test("of DATA on a stream that is closed are answered once, and hold nothing", () => {
    const { answers, peer } = flood(
      () => data(1, Buffer.alloc(1_000)),
      { turns: 20_000, onStream: (stream) => stream.sendHeaders(OK, undefined, true) },
      (prepared) => {
        prepared.send(request(1));
        prepared.said();
      },
    );
    // One RST_STREAM; the rest gives the connection's window back.
    expect(answers).toBeLessThan(20);
    expect(peer.connection.heldBytes).toBe(0);
  });

  test("of interim responses end a client's connection", () => {
    const peer = new RawPeer("client");
    peer.connection.request(GET, undefined, true, peer.noting(1));
    peer.said();
    let sent = 0;
    for (; !peer.connection.closed && sent < 10_000; sent++) peer.send(headers(1, [[":status", "103"]]));
    expect(sent).toBeLessThan(controlFramesBurst + 5);
    expect(peer.said()).toEqual([CALM]);
  });

  test("of PINGs are well where there is DATA to measure: one for each frame", () => {
    const peer = new RawPeer("server", { limits: { controlFramesBurst: 10 } });
    peer.send(request(1), windowUpdate(0, 1_000_000), settings([Setting.WINDOW, 1_000_000]));
    const [stream] = peer.streams as [HttpStream];
    stream.sendHeaders(OK, undefined, false);
    for (let count = 0; count < 1_000; count++) {
      stream.sendData(Buffer.alloc(100), false);
      peer.send(ping());
    }
    expect(peer.connection.closed).toBe(false);
  });

  test("of WINDOW_UPDATEs are well where there is DATA to answer: two for each frame", () => {
    const peer = new RawPeer("server", { limits: { windowUpdatesBurst: 10 } });
    peer.send(request(1), windowUpdate(0, 1_000_000), settings([Setting.WINDOW, 1_000_000]));
    const [stream] = peer.streams as [HttpStream];
    stream.sendHeaders(OK, undefined, false);
    for (let count = 0; count < 1_000; count++) {
      stream.sendData(Buffer.alloc(100), false);
      peer.send(windowUpdate(0, 100), windowUpdate(1, 100));
    }
    expect(peer.connection.closed).toBe(false);
  });

  test.each([
    ["PING", () => ping()],
    ["SETTINGS", () => settings()],
    ["requests", undefined],
  ])("of %s by a peer that never reads end the connection at the bound of output", (_, next) => {
    const good = goodClient();
    const limits = { outputBytesMax: 200_000, controlFramesBurst: 10_000_000, resetsBurst: 10_000_000 };
    const peer = new RawPeer("server", { limits, onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
    const { connection } = peer;
    // The socket has taken all of this and got rid of none.
    const write = () => {
      const output = connection.takeOutput();
      connection.carrierBytes += output?.length ?? 0;
      connection.setCongested(true);
    };
    let held = 0;
    for (let turn = 0; turn < 1_000_000 && !connection.closed; turn++) {
      peer.send(next?.() ?? request(2 * turn + 1));
      held = Math.max(held, connection.heldBytes);
      write();
    }
    expect(connection.closed).toBe(true);
    expect(held).toBeLessThan(limits.outputBytesMax + 1_000);
    expect(peer.heard.at(-1)).toBe("closed: the peer does not read what it asks for");
    good.calls();
  });
});

describe("header blocks", () => {
  const { continuationFramesMax, headerBlockBytesMax, headerListBytesMax } = DEFAULT_WIRE_LIMITS;
  const begin = headers(1, Buffer.alloc(0), { endHeaders: false });

  test.each([
    ["empty", Buffer.alloc(0)],
    ["tiny", Buffer.of(0x82)],
  ])("of endless %s CONTINUATIONs end the connection", (_, piece) => {
    const { sent, last, answers } = flood((turn) => (turn === 0 ? begin : continuation(1, piece, false)));
    expect(sent).toBe(continuationFramesMax + 2);
    expect(last).toEqual("GOAWAY 0 ENHANCE_YOUR_CALM");
    expect(answers).toBe(1);
  });

  test("of large CONTINUATIONs end the connection at their bound in bytes", () => {
    const { sent, last } = flood((turn) => (turn === 0 ? begin : continuation(1, Buffer.alloc(16_384, 0x82), false)));
    expect(sent).toBe(Math.floor(headerBlockBytesMax / 16_384) + 2);
    expect(last).toEqual("GOAWAY 0 ENHANCE_YOUR_CALM");
  });

  test("that refer to one large entry again and again (HPACK bomb) are answered by 431", () => {
    const good = goodClient();
    const peer = new RawPeer("server");
    const entry = insertedField("x", "y".repeat(4_000));
    peer.send(
      headers(1, Buffer.concat([literalBlock(REQUEST), entry, Buffer.alloc(16_000 - entry.length, 0xbe)]), {
        end: true,
      }),
    );
    expect(peer.said()).toEqual(["HEADERS 1 :status=431 END"]);
    expect(peer.streams).toEqual([]);
    for (let id = 3; id < 200; id += 2) {
      peer.send(headers(id, Buffer.alloc(16_000, 0xbe), { end: true }));
      expect(peer.said()).toEqual([`HEADERS ${id} :status=431 END`]);
    }
    expect(peer.connection.openStreams).toBe(0);
    good.calls();
  });

  test("that hold a list over its bound are answered by 431, at the bound they are well", () => {
    const peer = new RawPeer("server");
    const used = REQUEST.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    // Of values alone a frame holds too little: four of them, by way of CONTINUATION.
    const size = Math.floor((headerListBytesMax - used) / 4) - 33;
    const list = (extra: number): Fields => [
      ...REQUEST,
      ...(["a", "b", "c", "d"] as const).map((name, index): [string, string] => [
        name,
        "v".repeat(size + (index === 0 ? headerListBytesMax - used - 4 * (size + 33) + extra : 0)),
      ]),
    ];
    const send = (id: number, extra: number) => {
      const block = literalBlock(list(extra));
      const pieces = [0, 1, 2, 3, 4].map((turn) => block.subarray(turn * 16_000, (turn + 1) * 16_000));
      peer.send(
        headers(id, pieces[0] as Buffer, { end: true, endHeaders: false }),
        ...pieces.slice(1).map((piece, index) => continuation(id, piece, index === 3)),
      );
    };
    send(1, 0);
    expect(peer.streams).toHaveLength(1);
    send(3, 1);
    expect(peer.streams).toHaveLength(1);
    expect(peer.said()).toEqual(["HEADERS 3 :status=431 END"]);
  });
});

test("a flood of answers to a client's requests is bounded by what it asked for", () => {
  const peer = new RawPeer("client");
  peer.connection.request(GET, undefined, true, peer.noting(1));
  peer.send(response(1, { end: true }));
  peer.said();
  for (let turn = 0; turn < 1_000; turn++)
    peer.send(response(1), data(1, "hello"), frame(Type.PING, ACK, 0, "12345678"));
  expect(peer.said().length).toBeLessThan(5);
  expect(peer.connection.heldBytes).toBeLessThan(1_000);
});
