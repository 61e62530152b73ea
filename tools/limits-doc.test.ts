import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as eventLimits from "../mesh/events/limits.ts";
import { DEFAULT_WIRE_LIMITS } from "../mesh/wire/limits.ts";

/** A table's rows as lists of cells. */
const rowsOf = (file: string): string[][] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim()));

/** 65,536 as `64 KiB` where a name says bytes, else with its thousands apart. */
const asWritten = (name: string, value: number): string => {
  const bytes = /[Bb]ytes(Max|Min)?$/.test(name);
  if (bytes && value % 2 ** 20 === 0) return `${value / 2 ** 20} MiB`;
  if (bytes && value % 2 ** 10 === 0) return `${value / 2 ** 10} KiB`;
  return value.toLocaleString("en-US");
};

test("the table of HTTP/2's limits names each of them, with the default that is in force", () => {
  const written = new Map<string, string>();
  for (const [, names = "", defaults = ""] of rowsOf("docs/concepts/wire.md")) {
    // `a`, `b` | 1,000, 500
    const values = defaults.split(", ");
    for (const [index, name] of [...names.matchAll(/`(\w+)`/g)].entries())
      written.set(name[1] ?? "", values[index] ?? "");
  }
  const inForce = Object.entries(DEFAULT_WIRE_LIMITS).map(([name, value]) => [name, asWritten(name, value)]);
  expect(inForce.map(([name]) => [name, written.get(name ?? "")])).toEqual(inForce);
});

test("the table of the limits of events holds what is in force", () => {
  const inForce = new Map<string, unknown>(Object.entries(eventLimits));
  const written = rowsOf("docs/concepts/events.md").map(([, name = "", value]) => [name.replaceAll("`", ""), value]);
  expect(written.length).toBeGreaterThan(10);
  const expected = written.map(([name = ""]) => {
    const value = inForce.get(name);
    return [name, typeof value === "number" ? asWritten(name.includes("_BYTES_") ? "bytesMax" : name, value) : value];
  });
  expect(written).toEqual(expected);
});
