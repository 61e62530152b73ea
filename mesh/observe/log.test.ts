import { spawnSync } from "node:child_process";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
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

test("an error is written without what it carries to its caller, however deep it lies", () => {
  const { log, lines, last } = start();
  const details = [{ type: "loom.v1.Weaver", value: new Uint8Array([1]), debug: { name: "Ada" } }];
  const torn = new ConnectError("torn", Code.Internal, { "x-weaver": "Ada" }, [], new Error("old thread"));
  const of = (error: ConnectError) => Object.assign(error, { details, loom: 7 });
  const errors = [
    of(torn),
    Object.assign(new Error("outer"), { inner: of(new ConnectError("torn")), loom: 7 }),
    Object.assign(new AggregateError([of(new ConnectError("torn")), "text"], "both"), { loom: 7 }),
    Object.assign(new Error("both"), { errors: [of(new ConnectError("torn"))], loom: 7 }),
  ];
  for (const error of errors) {
    log.error({ err: error }, "broken");
    expect(last().err).toMatchObject({ loom: 7, stack: expect.stringContaining("log.test.ts") });
    log.error(error);
    expect(last().err).toMatchObject({ loom: 7 });
  }
  expect(lines.join()).not.toMatch(/Ada|details|metadata/);
  expect(lines.join().match(/torn/g)?.length).toBeGreaterThanOrEqual(2 * errors.length);
  expect(JSON.parse(lines[0] ?? "").err).toMatchObject({ code: Code.Internal, rawMessage: "torn" });
  expect(torn.details).toBe(details);
  expect(torn.metadata.get("x-weaver")).toBe("Ada");
});

test.each([undefined, null, "text", 7])("what was thrown and is no error (%j) is written as it is", (thrown) => {
  const { log, last } = start();
  log.error({ err: thrown }, "broken");
  expect(last().err).toEqual(thrown);
});

test("a flush of a destination that cannot flush does no harm", () => {
  const { log } = start();
  expect(() => log.flush()).not.toThrow();
});

describe("the line of a call", () => {
  const call = {
    method: "loom.v1.LoomService/Weave",
    peer: "127.0.0.1:4711",
    protocol: "grpc",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  };

  test("is a line as every other", () => {
    const { log, lines, last } = start();
    for (const durationMs of [0, 0.0004, 0.339, 1.5, 12.0605, 123_456.789]) {
      log.call({ ...call, durationMs });
      expect(last()).toEqual({
        level: "info",
        time: "2026-01-01T00:00:00.000Z",
        service: "loom",
        code: "OK",
        msg: "call",
        ...call,
        durationMs: Math.round(durationMs * 1000) / 1000,
      });
    }
    expect(lines.every((line) => line.indexOf("\n") === line.length - 1)).toBe(true);
  });

  test("tells its own time, method and peer, whatever the line before told", () => {
    const clock = fakeClock();
    const lines: string[] = [];
    const log = createLog({
      service: "loom",
      level: "info",
      clock,
      destination: { write: (line) => lines.push(line) },
    });
    log.call({ ...call, durationMs: 1 });
    clock.advance(1);
    log.call({ ...call, durationMs: 1, method: "loom.v1.LoomService/Rest" });
    log.call({ ...call, durationMs: 1, peer: 'a "quoted" one', protocol: "grpc-web" });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { time: "2026-01-01T00:00:00.000Z", method: "loom.v1.LoomService/Weave", peer: "127.0.0.1:4711" },
      { time: "2026-01-01T00:00:00.001Z", method: "loom.v1.LoomService/Rest" },
      { time: "2026-01-01T00:00:00.001Z", peer: 'a "quoted" one', protocol: "grpc-web" },
    ]);
  });

  test("waits for the end of the turn, and never behind a later line", () => {
    const ends: (() => void)[] = [];
    const written: string[] = [];
    const log = createLog({
      service: "loom",
      level: "info",
      clock: fakeClock(),
      destination: { write: (text) => written.push(text) },
      timers: { afterTurn: (fire) => void ends.push(fire) },
    });
    log.call({ ...call, durationMs: 1 });
    log.call({ ...call, durationMs: 2 });
    expect(written).toEqual([]);
    log.info("later");
    expect(written.map((text) => text.split("\n").length - 1)).toEqual([2, 1]);
    log.call({ ...call, durationMs: 3 });
    expect(ends).toHaveLength(1);
    ends[0]?.();
    expect(written).toHaveLength(3);
    for (let index = 0; index < 1_000; index++) log.call({ ...call, durationMs: index });
    log.flush();
    const lines = written.join("").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).durationMs)).toEqual([1, 2, undefined, 3, ...Array(1_000).keys()]);
  });

  test("is not written below its level", () => {
    const { log, lines } = start("warn");
    log.call({ ...call, durationMs: 1 });
    expect(lines).toEqual([]);
  });

  test.each([
    ["ends by itself", "", 0],
    ["exits in the middle of a turn", "process.exit(7);", 7],
    ["throws", 'throw new Error("a bug");', 1],
  ])("is written, in its order, by a process that %s without a flush", (_, end, status) => {
    const program = `
      import { createLog } from ${JSON.stringify(new URL("./log.ts", import.meta.url).href)};
      import { systemRuntime } from ${JSON.stringify(new URL("../runtime/index.ts", import.meta.url).href)};
      const { clock, timers } = systemRuntime();
      const log = createLog({ service: "loom", level: "info", clock, timers });
      for (let durationMs = 0; durationMs < 5; durationMs++) {
        log.call({ ...${JSON.stringify(call)}, durationMs });
        if (durationMs === 2) log.info("between");
      }
      ${end}`;
    const ran = spawnSync(process.execPath, ["--conditions=source", "--input-type=module", "--eval", program], {
      encoding: "utf8",
    });
    expect(ran.status).toBe(status);
    const lines = ran.stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).durationMs)).toEqual([0, 1, 2, undefined, 3, 4]);
  });
});
