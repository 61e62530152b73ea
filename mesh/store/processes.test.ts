import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { migrations, noteIds } from "./fixtures/notes.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { openStore } from "./open-store.ts";

const script = fileURLToPath(new URL("./fixtures/write-notes.ts", import.meta.url));
const command = (path: string, prefix: string, count: number, textLength = 0) => [
  process.execPath,
  ...["--conditions=source", script, path, prefix, String(count), String(textLength)],
];

/** Runs a writing process to its end; resolves to the lines that it printed. */
const run = ([file = "", ...args]: string[], onLine: (line: string, kill: () => void) => void = () => undefined) =>
  new Promise<string[]>((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const lines: string[] = [];
    createInterface(child.stdout).on("line", (line) => {
      lines.push(line);
      onLine(line, () => child.kill("SIGKILL"));
    });
    child.on("error", reject).on("close", () => resolve(lines));
  });

const idsIn = async (path: string) => {
  const store = await openStore({ path, name: "notes", migrations, runtime: systemRuntime() });
  const notes = await store.read((reader) => reader.all(noteIds, {}));
  await store.close();
  return notes.map((note) => note.id);
};

test("what was acknowledged before kill -9 is there after it", async () => {
  const path = join(temporaryFolder(), "notes.db");
  const [, ...acknowledged] = await run(command(path, "n", 1_000_000), (line, kill) => {
    if (line === "n300") kill();
  });
  expect(acknowledged.length).toBeGreaterThan(300);
  const found = await idsIn(path);
  expect(found.slice(0, acknowledged.length)).toEqual(acknowledged);
  // One more may have been committed and not acknowledged yet.
  expect(found.length - acknowledged.length).toBeLessThanOrEqual(1);
});

test("processes that start on one new file at once migrate it once and all write to it", async () => {
  const path = join(temporaryFolder(), "notes.db");
  const printed = await Promise.all(["a", "b", "c"].map((prefix) => run(command(path, prefix, 100))));
  const acknowledged = printed.flatMap((lines) => lines.filter((line) => /^[abc]\d+$/.test(line)));
  expect(acknowledged).toHaveLength(300);
  expect((await idsIn(path)).sort()).toEqual(acknowledged.sort());
});

test.skipIf(process.platform === "win32")(
  "after a commit that failed every job is refused, and what was acknowledged is whole",
  async () => {
    const path = join(temporaryFolder(), "notes.db");
    await run(command(path, "before", 1));
    // A limit on the size of files makes the write-ahead log fail in mid-commit, as a broken disk would.
    const limited = `trap '' XFSZ; ulimit -f 600; exec "$@"`;
    const printed = await run(["/bin/sh", "-c", limited, "sh", ...command(path, "n", 40, 20_000)]);
    const fatal = printed.findIndex((line) => line.startsWith("fatal SQLITE_IOERR"));
    expect(fatal).toBeGreaterThan(1);
    const [first, ...later] = printed.slice(fatal + 1);
    expect(first).toMatch(/failed to commit/);
    expect(later.length).toBeGreaterThan(0);
    for (const line of later) expect(line).toMatch(/takes no jobs after a failed commit/);
    expect(await idsIn(path)).toEqual(["before0", ...printed.slice(1, fatal)]);
  },
);
