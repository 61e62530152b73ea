import { describe, expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
import { goodClient, OK } from "./fixtures/flood.ts";
import { data, request, Setting, settings } from "./fixtures/raw-frames.ts";
import { RawPeer } from "./fixtures/raw-peer.ts";
import { processBytes } from "./process-bytes.ts";

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
