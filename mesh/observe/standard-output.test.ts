import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { WAITING_BYTES_MAX } from "./standard-output.ts";

const PROGRAM = new URL("./fixtures/told-process.ts", import.meta.url).pathname;

/** `output`: its standard output; default: a pipe to this process. */
const startProcess = async (output: "pipe" | number = "pipe") => {
  const child = spawn(process.execPath, ["--conditions=source", PROGRAM], {
    stdio: ["ignore", output, "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "message");
  return child;
};

/** Resolves when it has told so many lines of a log, or of calls, and waited for so many milliseconds. */
const tell = async (
  child: ChildProcess,
  count: number,
  { what = "lines", waitMs = 0, end = false }: { what?: "lines" | "calls"; waitMs?: number; end?: boolean } = {},
) => {
  child.send({ what, count, waitMs, end });
  await once(child, "message");
};

test.each([
  ["at its end alone", 0],
  ["before its end", 250],
])("a process ends that nobody listens to any more, when it finds out %s", async (_, waitMs) => {
  const child = await startProcess();
  const ended = once(child, "exit");
  child.stdout?.destroy();
  await once(child.stdout ?? expect.fail(), "close");
  await tell(child, 1, { waitMs });
  await tell(child, 1, { waitMs, end: true });
  expect(await ended).toEqual([0, null]);
});

test.each(["lines", "calls"] as const)("%s that there is no room for are dropped, and that is told", async (what) => {
  const child = await startProcess();
  const count = 20_000;
  await tell(child, count, { what });
  const kept: number[] = [];
  let dropped = 0;
  for await (const text of createInterface({ input: child.stdout ?? expect.fail() })) {
    const line: { level: string; dropped?: number } = JSON.parse(text);
    if (line.dropped === undefined) kept.push(text.length + 1);
    else expect(line.level).toBe("error");
    dropped += line.dropped ?? 0;
    if (dropped > 0 && kept.length + dropped >= count) break;
  }
  expect(kept.length + dropped).toBe(count);
  if (what === "calls") return;
  // Nothing was written while they were told: there was no room for one line more.
  const bytes = kept.reduce((sum, length) => sum + length, 0);
  expect(bytes).toBeLessThanOrEqual(WAITING_BYTES_MAX);
  expect(bytes + (kept[0] ?? 0)).toBeGreaterThan(WAITING_BYTES_MAX);
});

test("a process goes on and ends where its lines cannot be written", async () => {
  const readOnly = openSync(PROGRAM, "r");
  const child = await startProcess(readOnly);
  closeSync(readOnly);
  const ended = once(child, "exit");
  await tell(child, 1, { waitMs: 250 });
  await tell(child, 1, { end: true });
  expect(await ended).toEqual([0, null]);
});

test("a process ends although the reader of its lines has stopped, where the descriptor does not block", async () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-output-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const output = openSync(pipe, "r+");
  const child = await startProcess(output);
  // Whoever uses it as a socket, as a terminal often is, makes it not block for all that share it.
  const shared = new Socket({ fd: output, readable: false, writable: true });
  onTestFinished(() => void shared.destroy());
  const ended = once(child, "exit");
  await tell(child, 1_000, { end: true });
  expect(await ended).toEqual([0, null]);
});
