import { expect, test } from "vitest";
import { fakeClock } from "../testing/fake-clock.ts";
import { createLog, type LogLevel } from "./log.ts";

const start = (level: LogLevel = "info") => {
  const lines: string[] = [];
  const log = createLog({
    service: "loom",
    level,
    clock: fakeClock(),
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "{}") };
};

test("a line is one JSON object with time, level, service and message", () => {
  const { log, lines, last } = start();
  log.info({ thread: 7 }, "woven\nwell");
  expect(last()).toEqual({
    level: "info",
    time: "2026-01-01T00:00:00.000Z",
    service: "loom",
    thread: 7,
    msg: "woven\nwell",
  });
  expect(lines[0]?.indexOf("\n")).toBe((lines[0]?.length ?? 0) - 1);
});

test("lines below the level are not written", () => {
  const { log, lines } = start("warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  expect(lines).toHaveLength(1);
  const { log: none, lines: nothing } = start("silent");
  none.fatal("d");
  expect(nothing).toEqual([]);
});

test("names of secrets are redacted, at the top and one level down", () => {
  const { log, lines } = start();
  log.info({ password: "hush", user: { token: "hush", secret: "hush" }, headers: { authorization: "hush" } }, "who");
  expect(lines[0]).not.toContain("hush");
  expect(lines[0]).toContain("[redacted]");
});

test("an error is written with its type, its stack and its cause", () => {
  const { log, last } = start();
  log.error({ err: new TypeError("torn", { cause: new Error("old thread") }) }, "broken");
  expect(last().err).toMatchObject({ type: "TypeError", message: expect.stringContaining("torn") });
  expect(JSON.stringify(last().err)).toContain("old thread");
});

test("a flush of a destination that cannot flush does no harm", () => {
  const { log } = start();
  expect(() => log.flush()).not.toThrow();
});
