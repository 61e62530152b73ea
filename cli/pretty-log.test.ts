import { createColors } from "picocolors";
import { expect, test } from "vitest";
import { atLeast, formatLogLine, parseLogLine } from "./pretty-log.ts";

const plain = createColors(false);

test("a structured line shows time, level, service, message and the rest by name", () => {
  const line = parseLogLine(
    '{"level":"warn","time":"2026-05-01T12:03:04.123Z","service":"customer","msg":"slow call","method":"GetCustomer","ms":812}',
    "customer",
  );
  expect(formatLogLine(line, plain)).toBe("12:03:04.123 WARN  customer       slow call method=GetCustomer ms=812");
});

test("the stack of an error stands below its line", () => {
  const line = parseLogLine(
    '{"level":"error","service":"order","msg":"failed","err":{"stack":"Error: x\\n  at y"}}',
    "order",
  );
  expect(formatLogLine(line, plain).split("\n").slice(1)).toEqual(["    Error: x", "      at y"]);
});

test("what is not JSON is shown as an error of the service that printed it", () => {
  const line = parseLogLine("TypeError: boom", "billing");
  expect([line.service, line.level, line.fields.msg]).toEqual(["billing", "error", "TypeError: boom"]);
});

test("a level lets itself and graver ones pass", () => {
  const warn = parseLogLine('{"level":"warn"}', "x");
  expect([atLeast(warn, "info"), atLeast(warn, "warn"), atLeast(warn, "error")]).toEqual([true, true, false]);
});
