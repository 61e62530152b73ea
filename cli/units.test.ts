import { expect, test } from "vitest";
import { formatBytes, formatDuration, parseDurationMs } from "./units.ts";

test("durations are shown in the unit that a person would use", () => {
  expect([0, 4, 412, 1800, 9999, 12_345, 119_000, 180_000, 18_120_000, 356_400_000].map(formatDuration)).toEqual([
    "0 s",
    "0 s",
    "0.41 s",
    "1.8 s",
    "10 s",
    "12 s",
    "119 s",
    "3 min",
    "5 h 2 min",
    "4 d 3 h",
  ]);
});

test("sizes are shown in powers of 1024", () => {
  expect([0, 1023, 1024, 64_382_566, 5 * 2 ** 40].map(formatBytes)).toEqual([
    "0 B",
    "1023 B",
    "1.0 KiB",
    "61.4 MiB",
    "5120.0 GiB",
  ]);
});

test("a duration is seconds unless its unit says otherwise", () => {
  expect(["30", "2s", "500ms", "1.5m", "1h", "2d"].map(parseDurationMs)).toEqual([
    30_000, 2000, 500, 90_000, 3_600_000, 172_800_000,
  ]);
});

test("what is no duration is undefined", () => {
  expect(["", "-1", "2 days", "s", "1e3"].map(parseDurationMs)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
