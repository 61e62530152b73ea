import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteQueue } from "./byte-queue.ts";

const all = (queue: ByteQueue): Buffer => {
  const taken: Uint8Array[] = [];
  for (let bytes = queue.shift(); bytes !== undefined; bytes = queue.shift()) taken.push(bytes);
  return Buffer.concat(taken);
};

test("bytes come out as they went in, however they were cut", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 40 }), (pieces) => {
      const queue = new ByteQueue();
      for (const piece of pieces) queue.push(piece);
      expect(queue.length).toBe(Buffer.concat(pieces).length);
      expect(all(queue).equals(Buffer.concat(pieces))).toBe(true);
      expect(queue.length).toBe(0);
      expect(queue.shift()).toBeUndefined();
    }),
  );
});

test("what was taken is not written to any more", () => {
  const queue = new ByteQueue();
  queue.push(Buffer.from("first"));
  const first = queue.shift();
  queue.push(Buffer.from("second"));
  expect(Buffer.from(first ?? []).toString()).toBe("first");
  expect(all(queue).toString()).toBe("second");
});

test("a piece is copied, and may be used again", () => {
  const queue = new ByteQueue();
  const piece = Buffer.from("mine");
  queue.push(piece);
  piece.fill(0);
  expect(all(queue).toString()).toBe("mine");
});

test("many small pieces are held in few blocks", () => {
  const queue = new ByteQueue();
  for (let count = 0; count < 100_000; count++) queue.push(Buffer.from([count]));
  let blocks = 0;
  while (queue.shift() !== undefined) blocks++;
  expect(blocks).toBeLessThan(12);
});
