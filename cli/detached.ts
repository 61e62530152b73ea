import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { systemClock, systemTimers } from "@heddle/mesh/runtime";
import { type DataFolder, unusableFolder } from "./data-folder.ts";
import { Failure } from "./failure.ts";
import { failedServices, meshRunsFailure, readState, supervisorLives, throwIfRefused } from "./state-file.ts";
import { processTerminal } from "./terminal.ts";
import { formatDuration } from "./units.ts";

/**
 * Runs `heddle up` in a session of its own and returns when all its services are ready. What it prints from then on goes to
 * `<data>/.heddle/logs/up.log`.
 *
 * @throws Failure when it ended before, with what it printed, or is not ready after `timeoutMs`.
 */
export const startDetached = async (args: readonly string[], folder: DataFolder, timeoutMs: number): Promise<void> => {
  const running = readState(folder.stateFile);
  // Asked before the file of the one that runs is touched.
  if (running !== undefined && supervisorLives(running)) throw meshRunsFailure(running, folder.path);
  const output = folder.logFile("up");
  try {
    mkdirSync(folder.logs, { recursive: true });
    closeSync(openSync(output, "w", 0o600));
  } catch (error) {
    throw unusableFolder(folder, error);
  }
  // A failure to start, or a crash, is printed past the file terminal.
  const fd = openSync(output, "a");
  const child = spawn(
    process.execPath,
    [
      "--conditions=source",
      fileURLToPath(new URL("./main.ts", import.meta.url)),
      ...args.filter((arg) => arg !== "--detach"),
      `--output=${output}`,
    ],
    { detached: true, stdio: ["ignore", fd, fd] },
  );
  closeSync(fd);
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });
  const printed = () => readFileSync(output, "utf8").trimEnd();
  const deadlineMs = systemClock.monotonicMs() + timeoutMs;
  while (systemClock.monotonicMs() < deadlineMs) {
    const state = readState(folder.stateFile);
    if (state?.supervisor.pid === child.pid && state?.phase === "running") {
      processTerminal().out(printed());
      child.unref();
      const failed = failedServices(state);
      if (failed.length === 0) throwIfRefused(state);
      if (failed.length === 0) return;
      throw new Failure(`${failed.join(", ")} could not be started; the others serve.`, {
        next: `heddle logs ${failed.join(" ")}`,
      });
    }
    if (ended) throw new Failure(`The mesh did not start:\n${printed()}`, { next: "heddle doctor" });
    await systemTimers.sleep(50);
  }
  child.unref();
  throw new Failure(`Not all services were ready within ${formatDuration(timeoutMs)}.`, {
    next: "heddle status shows which; heddle logs shows why; heddle down stops the rest.",
  });
};
