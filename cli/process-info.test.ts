import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { commandLine, identify, isAlive, residentBytes, statOfPs } from "./process-info.ts";

test("this process is alive and a process that has ended is not", () => {
  expect(isAlive(identify(process.pid))).toBe(true);
  const { pid } = spawnSync(process.execPath, ["--version"]);
  expect(isAlive({ pid })).toBe(false);
});

describe.runIf(existsSync("/proc/self/stat"))("with /proc", () => {
  test("another process with the same number is not the same process", () => {
    const self = identify(process.pid);
    expect(isAlive({ pid: self.pid, startTicks: (self.startTicks ?? 0) - 1 })).toBe(false);
  });

  test("memory and command line can be read", () => {
    expect(residentBytes(process.pid)).toBeGreaterThan(1_000_000);
    expect(commandLine(process.pid)).toContain("node");
  });
});

test("where there is no /proc, ps tells a process from a later one with its number", () => {
  const stat = statOfPs("Ss   Sat Nov 21 04:53:13 2026\n");
  expect(stat?.state).toBe("S");
  expect(stat?.startTicks).not.toBe(statOfPs("Ss   Sat Nov 21 04:53:14 2026\n")?.startTicks);
  expect(statOfPs("")).toBeUndefined();
});
