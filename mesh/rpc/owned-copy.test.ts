import { expect, test } from "vitest";
import { ownedCopy } from "./owned-copy.ts";

test("copies keep what they were made of, and do not touch each other", () => {
  const source = new Uint8Array(10_000);
  const copies = Array.from({ length: 200 }, (_, index) => {
    source.fill(index);
    return ownedCopy(source, 10, 10 + index * 20);
  });
  source.fill(255);
  for (const [index, copy] of copies.entries()) {
    expect(copy).toHaveLength(index * 20);
    expect(copy.every((byte) => byte === index)).toBe(true);
  }
});
