import { Code, type ConnectError } from "@connectrpc/connect";
import { array, assert, boolean, integer, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { MessageBuffer, type WireMessage } from "./message-buffer.ts";

const envelope = (bytes: Uint8Array, flags = 0): Uint8Array => {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(bytes.length, 1);
  return new Uint8Array(Buffer.concat([prefix, bytes]));
};

const all = (buffer: MessageBuffer): WireMessage[] => {
  const messages: WireMessage[] = [];
  while (buffer.ready) messages.push(buffer.take());
  return messages;
};

test("messages come out as they went in, however the body is cut, and whenever they are taken", () => {
  const cases = property(
    array(uint8Array({ maxLength: 5_000 }), { maxLength: 5 }),
    array(integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 30 }),
    array(boolean(), { minLength: 1, maxLength: 10 }),
    (bodies, cuts, takes) => {
      const buffer = new MessageBuffer(1_000_000);
      const messages: WireMessage[] = [];
      const wire = Buffer.concat(bodies.map((bytes) => envelope(bytes)));
      for (let offset = 0, turn = 0; offset < wire.length; turn += 1) {
        const end = Math.min(wire.length, offset + (cuts[turn % cuts.length] as number));
        // The read buffer is used again for what comes next.
        const chunk = new Uint8Array(wire.subarray(offset, end));
        buffer.push(chunk);
        chunk.fill(0xee);
        if (takes[turn % takes.length] === true) messages.push(...all(buffer));
        offset = end;
      }
      messages.push(...all(buffer));
      expect(buffer.length).toBe(0);
      expect(messages).toEqual(bodies.map((bytes) => ({ compressed: false, bytes })));
      for (const { bytes } of messages) expect(bytes.constructor).toBe(Uint8Array);
    },
  );
  assert(cases);
});

test("a body that ends within a message can be told from one that is complete", () => {
  const buffer = new MessageBuffer(100);
  const message = envelope(Buffer.from("abc"));
  for (let bytes = 1; bytes < message.length; bytes += 1) {
    buffer.push(message.subarray(bytes - 1, bytes));
    expect(buffer.ready).toBe(false);
    expect(buffer.length).toBe(bytes);
  }
  buffer.push(message.subarray(message.length - 1));
  expect(all(buffer)).toHaveLength(1);
  expect(buffer.length).toBe(0);
});

test("a message over the bound is refused by its length, before it comes", () => {
  const buffer = new MessageBuffer(100);
  buffer.push(envelope(new Uint8Array(100)));
  expect(all(buffer)).toHaveLength(1);
  buffer.push(Buffer.from([0, 0, 0, 0, 101]));
  expect(buffer.ready).toBe(true);
  expect(() => buffer.take()).toThrow(
    expect.objectContaining({ code: Code.ResourceExhausted } satisfies Partial<ConnectError>),
  );
});

test("a flag that gRPC does not know is refused, and compression is handed on", () => {
  const buffer = new MessageBuffer(100);
  buffer.push(envelope(Buffer.from("a"), 1));
  expect(buffer.take().compressed).toBe(true);
  buffer.push(envelope(Buffer.from("a"), 2));
  expect(() => buffer.take()).toThrow(expect.objectContaining({ code: Code.Internal } satisfies Partial<ConnectError>));
});

test("a promised length takes no memory", () => {
  const buffers = Array.from({ length: 1_000 }, () => new MessageBuffer(0xffffffff));
  const before = process.memoryUsage().arrayBuffers;
  for (const buffer of buffers) buffer.push(Buffer.from([0, 0x40, 0, 0, 0, 1, 2, 3]));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  expect(buffers.some((buffer) => buffer.ready)).toBe(false);
});

test("many small messages hold no more than their bytes, and little more room", () => {
  const buffer = new MessageBuffer(100);
  const flood = new Uint8Array(64 * 1024);
  const before = process.memoryUsage();
  for (let turn = 0; turn < 16; turn++) buffer.push(flood);
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(6 * 1024 * 1024);
  expect(buffer.length).toBe(1024 * 1024);
});

test("a message that is taken stays what it was, whatever comes behind it", () => {
  for (const length of [10, 700, 5_000, 100_000]) {
    const buffer = new MessageBuffer(1_000_000);
    const taken: Uint8Array[] = [];
    for (let turn = 0; turn < 5; turn++) {
      buffer.push(envelope(new Uint8Array(length).fill(turn)));
      taken.push(buffer.take().bytes);
    }
    for (const [turn, bytes] of taken.entries()) expect(bytes.every((byte) => byte === turn)).toBe(true);
  }
});
