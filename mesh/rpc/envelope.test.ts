import { expect, test } from "vitest";
import { isOneMessage, PREFIX_BYTES } from "./envelope.ts";

const envelope = (bytes: Uint8Array, flags = 0): Uint8Array => {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(bytes.length, 1);
  return new Uint8Array(Buffer.concat([prefix, bytes]));
};

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
