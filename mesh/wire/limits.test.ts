import { describe, expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
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
import { processBytes } from "./process-bytes.ts";

const OK = HeaderList.of({ ":status": "200" });
const GET = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test" });
const CALM = expect.stringMatching(/^GOAWAY \d+ ENHANCE_YOUR_CALM$/);

/** A peer that behaves, on a connection of its own: it must go on whatever another does. */
const goodClient = () => {
  const peer = new RawPeer("server", { onStream: (stream) => stream.sendHeaders(OK, undefined, true) });
  let id = 1;
  return {
    /** One call from beginning to end. */
    calls: () => {
      peer.send(request(id));
      expect(peer.said()).toEqual([`HEADERS ${id} :status=200 END`]);
      id += 2;
    },
  };
};

interface Flood {
  /** Frames sent until the connection ended, or all of them. */
  readonly sent: number;
  /** Frames of the engine. */
  readonly answers: number;
  /** Streams that reached the application. */
  readonly reached: number;
  readonly last: string | undefined;
  readonly peer: RawPeer;
}

/** Sends what `next` yields, one chunk each, until the engine ends the connection; looks at its memory after each. */
const flood = (
  next: (turn: number) => Buffer,
  { turns = 100_000, heldMax = 100_000, ...options }: RawPeerOptions & { turns?: number; heldMax?: number } = {},
  prepare: (peer: RawPeer) => void = () => undefined,
): Flood => {
  const good = goodClient();
  const peer = new RawPeer("server", options);
  prepare(peer);
  let sent = 0;
  let answers = 0;
  let last: string | undefined;
  for (; sent < turns && !peer.connection.closed; sent++) {
    peer.send(next(sent));
    expect(peer.connection.heldBytes).toBeLessThanOrEqual(heldMax);
    const said = peer.said();
    answers += said.length;
    last = said.at(-1) ?? last;
    if (sent % 1_000 === 0) good.calls();
  }
  good.calls();
  return { sent, answers, reached: peer.streams.length, last, peer };
};

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

describe("slow readers", () => {
  /** Servers whose every answer is `bytes` long, however the peer reads. */
  const large =
    (bytes: number): RawPeerOptions["onStream"] =>
    (stream) => {
      stream.sendHeaders(OK, undefined, false);
      stream.sendData(Buffer.alloc(bytes), true);
    };

  test("with a window of 0 and many large answers lose the streams that are too much", () => {
    const good = goodClient();
    const limits = { queuedBytesMax: 1_000_000, streamQueueBytes: 10_000 };
    const peer = new RawPeer("server", { limits, onStream: large(100_000) });
    peer.send(settings([Setting.WINDOW, 0]));
    let held = 0;
    for (let id = 1; id < 400; id += 2) {
      peer.send(request(id));
      held = Math.max(held, peer.connection.heldBytes);
    }
    expect(held).toBeLessThanOrEqual(1_000_000 + 100_000 + 30_000);
    const said = peer.said();
    expect(said.filter((line) => line.startsWith("RST_STREAM"))).toHaveLength(190);
    expect(said).toContain("RST_STREAM 21 ENHANCE_YOUR_CALM");
    expect(peer.connection.openStreams).toBe(10);
    expect(peer.connection.closed).toBe(false);
    good.calls();
  });

  test("with a window of 0 lose a stream when it has stood still for too long", () => {
    const peer = new RawPeer("server", { onStream: large(100) });
    peer.send(settings([Setting.WINDOW, 0]), request(1), request(3));
    peer.said();
    peer.connection.resetStalled(1_000, 300_000);
    peer.send(windowUpdate(3, 10));
    peer.said();
    peer.connection.resetStalled(300_999, 300_000);
    expect(peer.said()).toEqual([]);
    peer.connection.resetStalled(301_001, 300_000);
    expect(peer.said()).toEqual(["RST_STREAM 1 CANCEL"]);
    expect(peer.news().at(-1)).toBe("reset 1 CANCEL local");
    peer.connection.resetStalled(602_000, 300_000);
    expect(peer.said()).toEqual(["RST_STREAM 3 CANCEL"]);
    expect(peer.connection.heldBytes).toBe(0);
  });

  test("that open the window by a byte at a time cost a frame each, and end by the bound of WINDOW_UPDATE", () => {
    const { sent, answers, last } = flood(
      () => windowUpdate(1, 1),
      { onStream: large(1_000_000), heldMax: 1_100_000 },
      (peer) => {
        peer.send(settings([Setting.WINDOW, 0]), request(1));
        peer.said();
      },
    );
    // Each pays for itself by the DATA frame that it lets go: what bounds it is the body.
    expect(answers).toBeLessThanOrEqual(sent + 1);
    expect(last).toBeDefined();
  });
});

describe("the process", () => {
  test("ends the connection that holds most when all together hold too much", () => {
    const before = processBytes();
    const limits = { processBytesMax: before + 1_000_000, queuedBytesMax: 10_000_000 };
    const good = goodClient();
    const make = (bytes: number) => {
      const peer = new RawPeer("server", {
        limits,
        onStream: (stream) => {
          stream.sendHeaders(OK, undefined, false);
          stream.sendData(Buffer.alloc(bytes), true);
        },
      });
      peer.send(settings([Setting.WINDOW, 0]), request(1));
      peer.said();
      return peer;
    };
    const small = make(200_000);
    const largest = make(500_000);
    const third = make(200_000);
    expect([small, largest, third].map(({ connection }) => connection.closed)).toEqual([false, false, false]);
    const last = make(150_000);
    expect([small, largest, third, last].map(({ connection }) => connection.closed)).toEqual([
      false,
      true,
      false,
      false,
    ]);
    expect(largest.said()).toEqual(["GOAWAY 1 ENHANCE_YOUR_CALM"]);
    expect(processBytes() - before).toBeLessThanOrEqual(1_000_000);
    good.calls();
    for (const { connection } of [small, third, last]) connection.lost(undefined);
    expect(processBytes()).toBe(before);
  });

  test("holds the headers of open streams, uncompressed, however few bytes they came as", () => {
    const before = processBytes();
    const peer = new RawPeer("server");
    peer.send(request(1, { end: false }), request(3, { end: false }));
    const two = processBytes() - before;
    expect(two).toBeGreaterThan(200);
    peer.streams[0]?.reset(ErrorCode.CANCEL);
    peer.said();
    peer.connection.refill();
    expect(processBytes() - before).toBe(two / 2);
    peer.connection.lost(undefined);
    expect(processBytes()).toBe(before);
  });

  test("is not told of bytes that are gone", () => {
    const before = processBytes();
    const peer = new RawPeer("server", { limits: { streamWindowBytes: 100_000 } });
    peer.send(request(1, { end: false }), data(1, Buffer.alloc(10_000)), data(1, Buffer.alloc(10_000)));
    peer.said();
    // The body, and the headers of the open stream.
    expect(processBytes() - before - 20_000).toBeLessThan(200);
    expect(processBytes() - before).toBeGreaterThan(20_000);
    peer.streams[0]?.consume(20_000);
    peer.connection.refill();
    expect(processBytes() - before).toBeLessThan(200);
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
