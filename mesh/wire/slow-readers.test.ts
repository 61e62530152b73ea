import { describe, expect, test } from "vitest";
import { flood, goodClient, OK } from "./fixtures/flood.ts";
import { ping, request, Setting, settings, Type, windowUpdate } from "./fixtures/raw-frames.ts";
import { RawPeer, type RawPeerOptions } from "./fixtures/raw-peer.ts";
import { RawSocket } from "./fixtures/raw-socket.ts";
import type { HttpStream } from "./http-stream.ts";
import { DEFAULT_WIRE_LIMITS } from "./limits.ts";

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
    const limits = { stallTimeoutMs: 300_000, stallBytesMin: 10 };
    const peer = new RawPeer("server", { onStream: large(100), limits });
    peer.send(settings([Setting.WINDOW, 0]), request(1), request(3));
    peer.said();
    peer.connection.resetStalled(1_000);
    peer.send(windowUpdate(3, 10));
    peer.said();
    peer.connection.resetStalled(300_999);
    expect(peer.said()).toEqual([]);
    peer.connection.resetStalled(301_001);
    expect(peer.said()).toEqual(["RST_STREAM 1 CANCEL"]);
    expect(peer.news().at(-1)).toBe("reset 1 CANCEL local");
    peer.connection.resetStalled(602_000);
    expect(peer.said()).toEqual(["RST_STREAM 3 CANCEL"]);
    expect(peer.connection.heldBytes).toBe(0);
  });

  test("that take a byte now and then lose the stream as if they took none, and those that take enough keep it", () => {
    const limits = { stallTimeoutMs: 300_000, stallBytesMin: 16_384 };
    const peer = new RawPeer("server", { onStream: large(100_000), limits });
    peer.send(settings([Setting.WINDOW, 0]), request(1), request(3));
    const said: string[] = [];
    for (let minute = 1; minute <= 12; minute++) {
      peer.send(windowUpdate(1, 1), windowUpdate(3, 4_096));
      said.push(...peer.said().filter((line) => line.startsWith("RST_STREAM")));
      peer.connection.resetStalled(minute * 60_000);
    }
    expect([said, peer.connection.openStreams]).toEqual([["RST_STREAM 1 CANCEL"], 1]);
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

describe("a socket's peer that reads slowly", () => {
  const { stallTimeoutMs } = DEFAULT_WIRE_LIMITS;
  /** Time is looked at once a second. */
  const LOOK_MS = 2_000;
  const answer = (stream: HttpStream) => stream.sendHeaders(OK, undefined, true);
  const large = (stream: HttpStream) => {
    stream.sendHeaders(OK, undefined, false);
    stream.sendData(Buffer.alloc(1_000_000), true);
  };

  test("and opens no window loses its streams when they have stood still for too long", async () => {
    const peer = new RawSocket({ onStream: large });
    peer.send(settings([Setting.WINDOW, 0]), request(1));
    await peer.said();
    await peer.time.advance(stallTimeoutMs - LOOK_MS);
    expect(await peer.said()).toEqual([]);
    await peer.time.advance(3 * LOOK_MS);
    expect(await peer.said()).toEqual(["RST_STREAM 1 CANCEL"]);
    expect(peer.news().at(-1)).toBe("reset 1 CANCEL local");
    expect(peer.session.closed).toBe(false);
  });

  test("and opens it a byte at a time loses its stream as if it took none", async () => {
    const peer = new RawSocket({ onStream: large });
    peer.send(settings([Setting.WINDOW, 0]), request(1));
    await peer.said();
    for (let count = 0; count < 20; count++) {
      peer.send(windowUpdate(1, 1));
      await peer.time.advance(60_000);
    }
    const said = await peer.said();
    expect(said.filter((line) => line.startsWith("DATA"))).toHaveLength(6);
    expect(said).toContain("RST_STREAM 1 CANCEL");
  });

  test("and opens it by enough at a time is served, and holds no more than its answer", async () => {
    const peer = new RawSocket({ onStream: large });
    peer.send(settings([Setting.WINDOW, 0]), request(1));
    await peer.said();
    for (let count = 1; count <= 15; count++) {
      peer.send(windowUpdate(1, 4_096));
      await peer.time.advance(60_000);
      expect(peer.streams[0]?.queuedBytes).toBe(1_000_000 - count * 4_096);
    }
    expect((await peer.said()).length).toBe(15);
  });

  test("from its socket, which is full, loses its connection after the same time", async () => {
    const peer = new RawSocket({ reads: false, onStream: large });
    const good = new RawSocket({ time: peer.time, onStream: answer });
    peer.send(settings([Setting.WINDOW, 1_000_000]), windowUpdate(0, 1_000_000), request(1));
    await peer.settle();
    expect(peer.served.writableLength).toBeGreaterThan(0);
    await peer.time.advance(stallTimeoutMs - LOOK_MS);
    expect(peer.session.closed).toBe(false);
    await peer.time.advance(3 * LOOK_MS);
    expect(peer.session.closed).toBe(true);
    expect(peer.news().slice(1)).toEqual([expect.stringMatching(/^reset 1 /), expect.stringMatching(/^closed/)]);
    good.send(request(1));
    expect(await good.said()).toContain("HEADERS 1 :status=200 END");
  });

  test.each([
    ["PING", () => ping()],
    ["requests", (turn: number) => request(2 * turn + 1)],
  ])("and floods us with %s is not read from any more: what we hold stays bounded", async (_, next) => {
    const limits = { controlFramesBurst: 1_000_000 };
    const peer = new RawSocket({ reads: false, limits, onStream: answer });
    const held = () => peer.served.writableLength;
    await peer.settle();
    let most = 0;
    for (let turn = 0; turn < 60_000 && !peer.session.closed; turn++) {
      peer.send(next(turn));
      if (turn % 200 === 0) {
        await peer.time.advance(0);
        most = Math.max(most, held());
      }
    }
    await peer.settle();
    expect(most).toBeLessThan(DEFAULT_WIRE_LIMITS.outputBytesMax + 200_000);
    // The flood stands in the peer's own buffers.
    expect(peer.socket.writableLength).toBeGreaterThan(100_000);
  });

  test("and then reads again gets everything", async () => {
    const peer = new RawSocket({ reads: false, onStream: large });
    peer.send(settings([Setting.WINDOW, 10_000_000]), windowUpdate(0, 10_000_000), request(1), ping());
    await peer.settle();
    await peer.time.advance(60_000);
    peer.read();
    const bodies = (await peer.frames()).filter(({ type }) => type === Type.DATA);
    for (let count = 0; count < 50; count++)
      bodies.push(...(await peer.frames()).filter(({ type }) => type === Type.DATA));
    expect(bodies.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(1_000_000);
    peer.send(request(3));
    await peer.settle();
    expect(peer.streams).toHaveLength(2);
  });
});
