import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { compressGzip, inflateGzip } from "./gzip.ts";

test.each([0, 1, 1_000, 64 * 1024, 64 * 1024 + 1, 3_000_000])("%i bytes come back as they were", async (length) => {
  const bytes = new Uint8Array(length).map((_, index) => index * index);
  const packed = await compressGzip(bytes);
  expect(packed.constructor).toBe(Uint8Array);
  const unpacked = await inflateGzip(packed, length + 1);
  expect(unpacked.constructor).toBe(Uint8Array);
  expect(Buffer.compare(unpacked, bytes)).toBe(0);
});

test("what is small is there at once, what is large is not waited for", async () => {
  expect(compressGzip(new Uint8Array(10))).toBeInstanceOf(Uint8Array);
  expect(inflateGzip(gzipSync("a"), 10)).toBeInstanceOf(Uint8Array);
  const large = inflateGzip(gzipSync(Buffer.alloc(100_000)), 100_000);
  expect(large).toBeInstanceOf(Promise);
  expect(await large).toHaveLength(100_000);
});

const inflated = async (bytes: Uint8Array, bytesMax: number) => inflateGzip(bytes, bytesMax);

test("a bomb goes off no further than the bound", async () => {
  const bomb = gzipSync(Buffer.alloc(100_000_000));
  const before = process.memoryUsage().arrayBuffers;
  await expect(inflated(bomb, 1_000_000)).rejects.toMatchObject({ code: Code.ResourceExhausted });
  await expect(inflated(bomb, 1_000)).rejects.toMatchObject({ code: Code.ResourceExhausted });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
});

test("what is no gzip, or is cut short, is an error", async () => {
  await expect(inflated(Buffer.from("no gzip at all"), 100)).rejects.toMatchObject({ code: Code.InvalidArgument });
  await expect(inflated(gzipSync("abcdef").subarray(0, 15), 100)).rejects.toMatchObject({ code: Code.Internal });
});

test("nothing at all inflates to nothing", () => {
  expect(inflateGzip(new Uint8Array(0), 10)).toEqual(new Uint8Array(0));
});
