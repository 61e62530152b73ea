import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { followLogs, type LogSource, lastLines } from "./log-reader.ts";
import type { LogLine } from "./pretty-log.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-logs-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const source = (service: string): LogSource => ({ service, path: join(folder, `${service}.log`) });
const line = (second: number, msg: string): string =>
  `${JSON.stringify({ level: "info", time: `2026-05-01T12:00:0${second}.000Z`, msg })}\n`;
const texts = (lines: readonly LogLine[]) => lines.map(({ fields }) => fields.msg);
const all = () => true;

test("the lines of several logs are merged by time and the last ones are kept", () => {
  const [customer, order] = [source("customer"), source("order")];
  writeFileSync(`${customer.path}.1`, line(1, "a"));
  writeFileSync(customer.path, line(3, "c") + line(5, "e"));
  writeFileSync(order.path, line(2, "b") + line(4, "d"));
  expect(texts(lastLines([customer, order], 50, all).lines)).toEqual(["a", "b", "c", "d", "e"]);
  expect(texts(lastLines([customer, order], 2, all).lines)).toEqual(["d", "e"]);
  expect(lastLines([customer, order], 0, all).lines).toEqual([]);
});

test("the lines of a stack stay behind the line that they belong to", () => {
  const [customer, order] = [source("customer"), source("order")];
  writeFileSync(customer.path, `${line(2, "crash")}TypeError: boom\n  at y\n`);
  writeFileSync(order.path, line(1, "first") + line(3, "last"));
  expect(texts(lastLines([customer, order], 50, all).lines)).toEqual([
    "first",
    "crash",
    "TypeError: boom",
    "  at y",
    "last",
  ]);
});

test("following goes on behind the lines that were read, through a rotation, and shows only whole lines", async () => {
  const customer = source("customer");
  const auth = source("auth");
  writeFileSync(customer.path, line(1, "old"));
  const { tails } = lastLines([customer, auth], 50, all);
  const seen: unknown[] = [];
  const stop = new AbortController();
  // Each look is followed by the next thing that happens to the files.
  const happenings = [
    () => appendFileSync(customer.path, line(2, "new").slice(0, 20)),
    () => appendFileSync(customer.path, line(2, "new").slice(20)),
    () => {
      renameSync(customer.path, `${customer.path}.1`);
      writeFileSync(customer.path, line(3, "after rotation"));
      writeFileSync(auth.path, line(4, "first of auth"));
    },
    () => {},
  ];
  const timers = {
    after: () => ({ cancel() {} }),
    every: () => ({ cancel() {} }),
    afterTurn: () => undefined,
    sleep: async () => {
      const next = happenings.shift();
      if (next === undefined) stop.abort();
      else next();
    },
  };
  await followLogs(tails, ({ fields }) => seen.push(fields.msg), { timers, signal: stop.signal });
  expect(seen).toEqual(["new", "after rotation", "first of auth"]);
});
