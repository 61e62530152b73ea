import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";

const PROGRAM = new URL("./fixtures/told-process.ts", import.meta.url).pathname;

const startProcess = async () => {
  const child = spawn(process.execPath, ["--conditions=source", PROGRAM], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
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

test.each(["lines", "calls"] as const)("%s that nobody reads for long are dropped, and that is told", async (what) => {
  const child = await startProcess();
  const count = 20_000;
  await tell(child, count, { what });
  let read = 0;
  let dropped = 0;
  for await (const text of createInterface({ input: child.stdout ?? expect.fail() })) {
    const line: { level: string; dropped?: number } = JSON.parse(text);
    if (line.dropped === undefined) read++;
    else expect(line.level).toBe("error");
    dropped += line.dropped ?? 0;
    if (dropped > 0 && read + dropped >= count) break;
  }
  expect(read + dropped).toBe(count);
});

test("a process goes on and ends where its lines cannot be written", async () => {
  const readOnly = openSync(PROGRAM, "r");
  const child = spawn(process.execPath, ["--conditions=source", PROGRAM], {
    stdio: ["ignore", readOnly, "inherit", "ipc"],
  });
  closeSync(readOnly);
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "message");
  const ended = once(child, "exit");
  await tell(child, 1, { waitMs: 250 });
  await tell(child, 1, { end: true });
  expect(await ended).toEqual([0, null]);
});
