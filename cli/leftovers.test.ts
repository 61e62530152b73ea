import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { systemClock, systemTimers } from "@heddle/mesh/runtime";
import { afterEach, expect, test } from "vitest";
import { endLeftovers } from "./leftovers.ts";
import { identify, isAlive, type ProcessIdentity } from "./process-info.ts";
import type { MeshState } from "./state-file.ts";

const FIXTURE = fileURLToPath(new URL("./fixtures/child.ts", import.meta.url));

let child: ChildProcess | undefined;
/** How the child ended: its status and its signal. */
let exit: Promise<unknown[]>;
afterEach(() => void child?.kill("SIGKILL"));

const startChild = async (behaviour: string): Promise<ProcessIdentity> => {
  child = spawn(process.execPath, ["--conditions=source", FIXTURE, "customer", behaviour], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  exit = once(child, "exit");
  if (child.stdout) await once(child.stdout, "data");
  return identify(child.pid ?? 0);
};

const left = (process: ProcessIdentity): MeshState => ({
  version: 1,
  supervisor: { pid: 1, startTicks: -1 },
  mode: "processes",
  phase: "running",
  port: 8080,
  gateway: "http://127.0.0.1:8080",
  startMs: 1,
  services: [{ name: "customer", state: "ready", restarts: 0, process }],
});

const said: string[] = [];
const options = { clock: systemClock, timers: systemTimers, say: (line: string) => void said.push(line) };

test("a service that is draining is waited for, and gets no signal that would cut it short", async () => {
  const process = await startChild("drains-slowly");
  const waiting = endLeftovers(left(process), options);
  child?.kill("SIGTERM");
  await waiting;
  expect(isAlive(process)).toBe(false);
  expect(await exit).toEqual([0, null]);
  expect(said.join()).toContain("waiting for customer");
});

test("a service that does not end in time is killed", async () => {
  const process = await startChild("stubborn");
  await endLeftovers(left(process), { ...options, drainMs: 100 });
  expect(isAlive(process)).toBe(false);
  expect(await exit).toEqual([null, "SIGKILL"]);
});

test("a process whose start is not known is never killed", async () => {
  const { pid } = await startChild("stubborn");
  await expect(endLeftovers(left({ pid }), { ...options, drainMs: 50 })).rejects.toThrow("do not end");
  expect(isAlive({ pid })).toBe(true);
});
