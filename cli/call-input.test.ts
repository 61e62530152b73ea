import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { createJsonSplitter, jsonValues } from "./call-input.ts";
import { Failure } from "./failure.ts";

const split = (...parts: string[]): string[] => {
  const splitter = createJsonSplitter();
  return [...parts.flatMap((part) => splitter.push(part)), ...splitter.end()];
};

test("values are cut where they end, with or without space between them", () => {
  expect(split('{"a": [1, {}]}{"b": 2}\n\t "text" 12 true [3]')).toEqual([
    '{"a": [1, {}]}',
    '{"b": 2}',
    '"text"',
    "12",
    "true",
    "[3]",
  ]);
});

test("braces and quotes within a string end nothing", () => {
  expect(split(String.raw`{"a": "}\"{ \\"} {"b": "]"}`)).toEqual([String.raw`{"a": "}\"{ \\"}`, '{"b": "]"}']);
});

test("a value may arrive letter by letter, and is handed on as soon as it is whole", () => {
  const whole = '{"a": "\\"}"} {"b": 1}';
  expect(split(...whole)).toEqual(['{"a": "\\"}"}', '{"b": 1}']);
  const splitter = createJsonSplitter();
  expect(splitter.push('{"a"')).toEqual([]);
  expect(splitter.push(': 1} {"b')).toEqual(['{"a": 1}']);
});

test("what is cut off is handed on for the parser to refuse", () => {
  expect(split('{"a": 1} {"b"')).toEqual(['{"a": 1}', '{"b"']);
  expect(split(" \n ")).toEqual([]);
});

test("a dash reads standard input", async () => {
  const values: string[] = [];
  for await (const value of jsonValues("-", Readable.from([Buffer.from('{"a":'), Buffer.from("1}2")])))
    values.push(value);
  expect(values).toEqual(['{"a":1}', "2"]);
});

test("a file that does not exist is a usage failure that names it", async () => {
  const failure = await jsonValues("@/nowhere/request.json")
    .next()
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Failure);
  expect(failure).toMatchObject({
    exitCode: 2,
    message: expect.stringContaining("/nowhere/request.json cannot be read"),
  });
});
