import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
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

/** Resolves when it has told so many lines, and waited for so many milliseconds. */
const tell = async (child: ChildProcess, lines: number, { waitMs = 0, end = false } = {}) => {
  child.send({ lines, waitMs, end });
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

test("what nobody reads for long is dropped, and that is told", async () => {
  const child = await startProcess();
  const count = 20_000;
  await tell(child, count);
  const lines: { number?: number; msg: string; dropped?: number; level: string }[] = [];
  for await (const text of createInterface({ input: child.stdout ?? expect.fail() })) {
    lines.push(JSON.parse(text));
    if (lines.at(-1)?.dropped !== undefined) break;
  }
  const { dropped, level } = lines.pop() ?? expect.fail();
  expect(level).toBe("error");
  expect(dropped).toBeGreaterThan(0);
  expect(lines.map(({ number }) => number)).toEqual([...Array(count - (dropped ?? 0)).keys()]);
});
