import { expect, test } from "vitest";
import type { LogFile } from "./log-file.ts";
import { colorsWanted, fileTerminal } from "./terminal.ts";

test("NO_COLOR goes before FORCE_COLOR, and both before what the stream is", () => {
  expect(colorsWanted({ NO_COLOR: "1", FORCE_COLOR: "1" }, true)).toBe(false);
  expect(colorsWanted({ FORCE_COLOR: "1" }, false)).toBe(true);
  expect(colorsWanted({ FORCE_COLOR: "0" }, true)).toBe(false);
  expect([colorsWanted({}, true), colorsWanted({}, false), colorsWanted({ TERM: "dumb" }, true)]).toEqual([
    true,
    false,
    false,
  ]);
});

test("both streams of a file terminal end in the file, without colours", () => {
  const written: unknown[] = [];
  const file: LogFile = { write: (chunk) => void written.push(chunk), close: () => {} };
  const terminal = fileTerminal(file);
  terminal.out(terminal.outColors.red("data"));
  terminal.err("not data");
  expect(written).toEqual(["data\n", "not data\n"]);
});
