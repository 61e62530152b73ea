import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, systemTimers } from "@heddle/mesh/runtime";
import { expect, onTestFinished, test } from "vitest";
import { failedBeside, failures, hung, inShort } from "./call-log.ts";
import { createMachines } from "./network-namespaces.ts";
import { startCalls } from "./start-calls.ts";

const PORT = "8080";
const CALM_MS = 2_000;
/** Milliseconds in which the copy of a slow read may be sent to the machine that is cut off as well: it is not known to be. */
const UNAWARE_MS = 1_000;
/** Milliseconds in which a connection on which nothing comes is given up: a PING every ten seconds, five for its answer, one more. */
const SILENCE_MS = 16_000;

/** A service of the repository as a process; resolves once it can be called. */
const start = async (service: string, prefix: readonly string[], env: NodeJS.ProcessEnv): Promise<void> => {
  const main = new URL(`../../services/${service}/main.ts`, import.meta.url).pathname;
  const [command = "", ...args] = [...prefix, process.execPath, "--conditions=source", main];
  const child: ChildProcess = spawn(command, args, {
    env: { ...process.env, HEDDLE_PORT: PORT, ...env },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const killed = () => void child.kill("SIGKILL");
  process.once("exit", killed);
  onTestFinished(async () => {
    process.off("exit", killed);
    if (child.exitCode !== null || child.signalCode !== null) return;
    // An orderly end waits for those who may be cut off.
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`${service} ended with ${code}`)));
  await Promise.race([once(child, "message"), ended]);
  ended.catch(() => undefined);
};

test("while one of two machines is cut off, calls are answered by the other, and by both when it is back", {
  timeout: 120_000,
}, async () => {
  const machines = createMachines("hdchaos");
  onTestFinished(() => machines.remove());
  const folder = mkdtempSync(join(tmpdir(), "heddle-chaos-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const gateway = `http://${machines.nearHost}:${PORT}`;
  const env = { HEDDLE_DATA: folder, HEDDLE_GATEWAY: gateway };
  await start("gateway", machines.near, { ...env, HEDDLE_HOST: machines.nearHost });
  await start("customer", machines.near, { ...env, HEDDLE_HOST: machines.nearHost });
  await start("customer", machines.far, { ...env, HEDDLE_HOST: machines.farHost });
  const load = await startCalls(gateway, machines.near);
  onTestFinished(() => load.kill());
  await systemTimers.sleep(CALM_MS);
  const fromMs = systemClock.nowMs();
  machines.pull();
  await systemTimers.sleep(SILENCE_MS + CALM_MS);
  machines.plug();
  const backMs = systemClock.nowMs();
  await systemTimers.sleep(2 * CALM_MS);
  const calls = await load.stop();
  expect(calls.filter(({ beginMs }) => beginMs > backMs).length).toBeGreaterThan(100);
  const reads = failures(calls, "read");
  expect(inShort(failedBeside(reads, { fromMs, toMs: fromMs + UNAWARE_MS }), fromMs)).toEqual([]);
  expect(inShort(failedBeside(calls, { fromMs, toMs: fromMs + SILENCE_MS }))).toEqual([]);
  expect(inShort(hung(calls))).toEqual([]);
});
