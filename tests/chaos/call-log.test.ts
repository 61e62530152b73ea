import { expect, test } from "vitest";
import { failedBeside, failures, hung, type LoggedCall } from "./call-log.ts";

const call = (beginMs: number, endMs: number, more: Partial<LoggedCall> = {}): LoggedCall => ({
  kind: "create",
  beginMs,
  endMs,
  code: "Unavailable",
  message: "",
  ...more,
});

test("a call that failed is excused when it was under way while something was wrong", () => {
  const [before, during, within, after] = [call(0, 9), call(5, 11), call(12, 13), call(21, 30)];
  const calls = [before, during, within, after, call(40, 50, { code: "OK" })] as LoggedCall[];
  expect(failedBeside(calls, { fromMs: 10, toMs: 20 })).toEqual([before, after]);
});

test("a call hangs that goes on after its deadline", () => {
  const late = call(0, 6_500);
  expect(hung([late, call(0, 5_100), call(0, 3_100, { kind: "read" })])).toHaveLength(2);
  expect(failures([late], "read")).toEqual([]);
});
