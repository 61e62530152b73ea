import { expect, test } from "vitest";
import { graveLines } from "./grave-lines.ts";

const collect = (stream: "stdout" | "stderr", chunks: string[]): unknown[] => {
  const seen: unknown[] = [];
  const lines = graveLines(stream, "customer", (line) => seen.push(line.fields.msg));
  for (const chunk of chunks) lines.push(Buffer.from(chunk));
  lines.end();
  return seen;
};

test("of standard output only warnings and errors are handed on", () => {
  const output = ["info", "warn", "debug", "error", "fatal"]
    .map((level) => `{"level":"${level}","msg":"${level}"}\n`)
    .join("");
  expect(collect("stdout", [output])).toEqual(["warn", "error", "fatal"]);
});

test("a line that arrives in parts is handed on whole", () => {
  expect(collect("stdout", ['{"level":"wa', 'rn","msg":"slow"}', "\n"])).toEqual(["slow"]);
});

test("every line of standard error is handed on, the last one without its end too", () => {
  expect(collect("stderr", ["TypeError: x\n  at y\n", "cut off"])).toEqual(["TypeError: x", "  at y", "cut off"]);
});
