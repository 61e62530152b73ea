import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { identify } from "./process-info.ts";
import { claimStateFile, MeshRuns, type MeshState, readState, writeState } from "./state-file.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-state-"));
  path = join(folder, ".heddle", "mesh.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const stateOf = (pid: number): MeshState => ({
  version: 1,
  supervisor: identify(pid),
  mode: "processes",
  phase: "running",
  port: 8080,
  gateway: "http://127.0.0.1:8080",
  startMs: 1,
  services: [{ name: "customer", state: "ready", restarts: 0 }],
});

const deadPid = (): number => spawnSync(process.execPath, ["--version"]).pid;

test("a folder whose supervisor lives is refused to a second one", () => {
  const first = stateOf(process.pid);
  claimStateFile(path, first);
  expect(() => claimStateFile(path, stateOf(process.ppid))).toThrow(MeshRuns);
  expect(readState(path)).toEqual(first);
});

test("a supervisor that was killed leaves its state to the next one", () => {
  const dead = { ...stateOf(deadPid()), phase: "running" as const };
  claimStateFile(path, dead);
  expect(claimStateFile(path, stateOf(process.pid))?.supervisor.pid).toBe(dead.supervisor.pid);
  expect(readState(path)?.supervisor.pid).toBe(process.pid);
});

test("after a drain that went to its end nothing is left behind", () => {
  claimStateFile(path, stateOf(process.pid));
  writeState(path, { ...stateOf(process.pid), phase: "stopped" });
  expect(claimStateFile(path, stateOf(process.pid))).toBeUndefined();
});

test("a state file that was cut off counts as none", () => {
  claimStateFile(path, stateOf(process.pid));
  writeFileSync(path, '{"version": 1, "superv');
  expect(readState(path)).toBeUndefined();
  expect(claimStateFile(path, stateOf(process.pid))).toBeUndefined();
});

test("writing leaves one file behind", () => {
  claimStateFile(path, stateOf(process.pid));
  writeState(path, { ...stateOf(process.pid), phase: "stopping" });
  expect(readdirSync(join(folder, ".heddle"))).toEqual(["mesh.json"]);
});
