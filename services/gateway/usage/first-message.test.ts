import { expect, test } from "vitest";
import { firstMessage } from "./first-message.ts";

const of = (type: string | undefined, bytes: readonly number[]) => {
  const message = firstMessage(type, Uint8Array.from(bytes));
  return message && [...message];
};

test.each(["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"])(
  "the first message of %s is taken from its envelope, whatever comes behind it",
  (type) => {
    expect(of(type, [0, 0, 0, 0, 2, 8, 1])).toEqual([8, 1]);
    expect(of(type, [0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 1, 9])).toEqual([8, 1]);
    expect(of(type, [0, 0, 0, 0, 0])).toEqual([]);
  },
);

test("a message that is compressed, or not whole in the first piece, is left alone", () => {
  expect(of("application/grpc", [1, 0, 0, 0, 2, 8, 1])).toBeUndefined();
  expect(of("application/grpc", [0, 0, 0, 0, 3, 8, 1])).toBeUndefined();
  expect(of("application/grpc", [0, 255, 255, 255, 255, 8, 1])).toBeUndefined();
  expect(of("application/grpc", [0, 0, 0, 0])).toBeUndefined();
  expect(of("application/grpc", [])).toBeUndefined();
});

test("what is not protobuf is left alone", () => {
  for (const type of ["application/json", "application/grpc+json", "application/grpc-web", undefined])
    expect(of(type, [0, 0, 0, 0, 2, 8, 1])).toBeUndefined();
});
