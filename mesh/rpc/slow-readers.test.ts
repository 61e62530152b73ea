import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { fakeTime } from "../testing/index.ts";
import { cutSlowReaders } from "./slow-readers.ts";

const LIMITS = { stallTimeoutMs: 60_000, stallBytesMin: 1_000 };

/** A connection whose peer takes what the test says. */
class Peer extends Duplex {
  bytesWritten = 0;
  readonly #waiting: { bytes: number; done: () => void }[] = [];

  constructor() {
    super({ highWaterMark: 1 });
    this.resume();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#waiting.push({ bytes: chunk.length, done });
  }

  send(bytes: number): void {
    this.bytesWritten += bytes;
    this.write(Buffer.alloc(bytes));
  }

  taken(): void {
    this.#waiting.shift()?.done();
  }
}

const start = () => {
  const time = fakeTime();
  const watch = cutSlowReaders(time, LIMITS);
  const peer = new Peer();
  watch(peer);
  return { time, peer };
};

test("a peer that leaves an answer unread is cut, and one that waits for an answer is not", async () => {
  const { time, peer } = start();
  await time.advance(600_000);
  peer.send(100);
  await time.advance(60_000);
  expect(peer.destroyed).toBe(false);
  await time.advance(3_000);
  expect(peer.destroyed).toBe(true);
  expect(time.pending()).toBe(0);
});

test("a peer that takes too little now and then is cut, and one that takes enough is not", async () => {
  const [slow, steady] = [start(), start()];
  for (let piece = 0; piece < 40; piece++) {
    slow.peer.send(100);
    steady.peer.send(600);
  }
  for (let turn = 0; turn < 12; turn++) {
    await Promise.all([slow.time.advance(20_000), steady.time.advance(20_000)]);
    slow.peer.taken();
    steady.peer.taken();
  }
  expect([slow.peer.destroyed, steady.peer.destroyed]).toEqual([true, false]);
  steady.peer.destroy();
});
