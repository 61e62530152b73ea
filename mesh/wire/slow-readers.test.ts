import { describe, expect, test } from "vitest";
import { flood, goodClient, OK } from "./fixtures/flood.ts";
import { request, Setting, settings, windowUpdate } from "./fixtures/raw-frames.ts";
import { RawPeer, type RawPeerOptions } from "./fixtures/raw-peer.ts";

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
