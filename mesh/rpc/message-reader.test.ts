import { Code, type ConnectError } from "@connectrpc/connect";
import { array, assert, integer, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { isOneMessage, MessageReader, ownedCopy, PREFIX_BYTES } from "./message-reader.ts";

const envelope = (bytes: Uint8Array, flags = 0): Uint8Array => {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(bytes.length, 1);
  return new Uint8Array(Buffer.concat([prefix, bytes]));
};

const read = (bytesMax = 1_000_000) => {
  const messages: { flags: number; bytes: Uint8Array }[] = [];
  const reader = new MessageReader(bytesMax, { onMessage: (flags, bytes) => void messages.push({ flags, bytes }) });
  return { reader, messages };
};

test("messages come out as they went in, however the body is cut", () => {
  const cases = property(
    array(uint8Array({ maxLength: 5_000 }), { maxLength: 5 }),
    array(integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 30 }),
    (bodies, cuts) => {
      const { reader, messages } = read();
      const wire = Buffer.concat(bodies.map((bytes) => envelope(bytes)));
      for (let offset = 0, turn = 0; offset < wire.length; turn += 1) {
        const end = Math.min(wire.length, offset + (cuts[turn % cuts.length] as number));
        // The read buffer is used again for what comes next.
        const chunk = new Uint8Array(wire.subarray(offset, end));
        expect(reader.push(chunk)).toBeUndefined();
        chunk.fill(0xee);
        offset = end;
      }
      expect(reader.pending).toBe(false);
      expect(messages).toEqual(bodies.map((bytes) => ({ flags: 0, bytes })));
      for (const { bytes } of messages) expect(bytes.constructor).toBe(Uint8Array);
    },
  );
  assert(cases);
});

test("a body that ends within a message can be told from one that is complete", () => {
  const { reader } = read();
  expect(reader.pending).toBe(false);
  const message = envelope(Buffer.from("abc"));
  for (let bytes = 1; bytes < message.length; bytes += 1) {
    reader.push(message.subarray(bytes - 1, bytes));
    expect(reader.pending).toBe(true);
  }
  reader.push(message.subarray(message.length - 1));
  expect(reader.pending).toBe(false);
});

test("a message over the bound is refused by its length, before it comes", () => {
  const { reader, messages } = read(100);
  expect(reader.push(envelope(new Uint8Array(100)))).toBeUndefined();
  const wrong = reader.push(Buffer.from([0, 0, 0, 0, 101]));
  expect(wrong).toMatchObject({ code: Code.ResourceExhausted } satisfies Partial<ConnectError>);
  expect(messages).toHaveLength(1);
});

test("a flag that gRPC does not know is refused, and compression is handed on", () => {
  const { reader, messages } = read();
  expect(reader.push(envelope(Buffer.from("a"), 1))).toBeUndefined();
  expect(messages[0]?.flags).toBe(1);
  expect(reader.push(envelope(Buffer.from("a"), 2))).toMatchObject({ code: Code.Internal });
});

test("a promised length takes no memory", () => {
  const readers = Array.from({ length: 1_000 }, () => read(0xffffffff).reader);
  const before = process.memoryUsage().arrayBuffers;
  for (const reader of readers) reader.push(Buffer.from([0, 0x40, 0, 0, 0, 1, 2, 3]));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  expect(readers.every((reader) => reader.pending)).toBe(true);
});

test("a piece that is one message is known as such, and nothing else is", () => {
  for (const length of [0, 1, 255, 256, 70_000]) {
    const message = envelope(new Uint8Array(length));
    expect(isOneMessage(message, length)).toBe(true);
    expect(isOneMessage(message, length - 1)).toBe(false);
    expect(isOneMessage(message.subarray(0, message.length - 1), 100_000)).toBe(false);
    expect(isOneMessage(new Uint8Array([...message, 0]), 100_000)).toBe(false);
    expect(isOneMessage(envelope(new Uint8Array(length), 2), 100_000)).toBe(false);
  }
  expect(isOneMessage(new Uint8Array(PREFIX_BYTES - 1), 100)).toBe(false);
});

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
