import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLogFile } from "./log-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-log-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a full log moves aside once and lines stay whole", () => {
  const path = join(folder, "logs", "customer.log");
  const log = openLogFile(path, { bytesMax: 16 });
  for (const chunk of ["first line\n", "second ", "line\n", "third line\n"]) log.write(chunk);
  log.close();
  expect(readFileSync(`${path}.1`, "utf8")).toBe("second line\n");
  expect(readFileSync(path, "utf8")).toBe("third line\n");
});

test("an existing log is continued", () => {
  const path = join(folder, "customer.log");
  for (const line of ["one\n", "two\n"]) {
    const log = openLogFile(path);
    log.write(line);
    log.close();
  }
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
});

test.runIf(existsSync("/dev/full"))("a full disk costs lines and is no error", () => {
  const log = openLogFile("/dev/full");
  log.write("lost\n");
  log.close();
});
