import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { firstMessage } from "./first-message.ts";

const of = (type: string | undefined, bytes: readonly number[], isWhole = true, encoding?: string) => {
  const headers = HeaderList.of({ "content-type": type, "content-encoding": encoding });
  const message = firstMessage(headers, Uint8Array.from(bytes), isWhole);
  return message && [...message];
};

test.each([
  "application/grpc",
  "application/grpc+proto",
  "application/grpc-web",
  "application/grpc-web+proto",
  "application/connect+proto",
  "application/grpc;charset=utf-8",
])("the first message of %s is taken from its envelope, whatever comes behind it", (type) => {
  expect(of(type, [0, 0, 0, 0, 2, 8, 1])).toEqual([8, 1]);
  expect(of(type, [0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 1, 9], false)).toEqual([8, 1]);
  expect(of(type, [0, 0, 0, 0, 0])).toEqual([]);
});

test("a message that is compressed, or not whole in the first piece, is left alone", () => {
  expect(of("application/grpc", [1, 0, 0, 0, 2, 8, 1])).toBeUndefined();
  expect(of("application/grpc", [0, 0, 0, 0, 3, 8, 1])).toBeUndefined();
  expect(of("application/grpc", [0, 255, 255, 255, 255, 8, 1])).toBeUndefined();
  expect(of("application/grpc", [0, 0, 0, 0])).toBeUndefined();
  expect(of("application/grpc", [])).toBeUndefined();
});

test("a unary request of Connect is a message as it is, when it is whole and not compressed", () => {
  expect(of("application/proto", [8, 1])).toEqual([8, 1]);
  expect(of("application/proto", [8, 1], false)).toBeUndefined();
  expect(of("application/proto", [8, 1], true, "gzip")).toBeUndefined();
});

test("what is not protobuf is left alone", () => {
  for (const type of [
    "application/json",
    "application/grpc+json",
    "application/connect+json",
    "application/grpc-web-text",
    undefined,
  ])
    expect(of(type, [0, 0, 0, 0, 2, 8, 1])).toBeUndefined();
});
