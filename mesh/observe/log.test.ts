import { spawnSync } from "node:child_process";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { systemRandom } from "../runtime/index.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { fakeTime } from "../testing/fake-time.ts";
import { createLog, type LogLevel } from "./log.ts";
import { Trace, traceIdOf } from "./traceparent.ts";

const start = (level: LogLevel = "info") => {
  const lines: string[] = [];
  const clock = fakeClock();
  const log = createLog({
    service: "loom",
    level,
    clock,
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, lines, clock, last: () => JSON.parse(lines.at(-1) ?? "{}") };
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
  const weave = "loom.v1.LoomService/Weave";
  const call = {
    methodName: weave,
    peer: "127.0.0.1:4711",
    protocolName: "grpc",
    trace: new Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", systemRandom),
  };
  /** A call that began so many milliseconds before `nowMs`. */
  const took = (durationMs: number, nowMs = 0) => ({ ...call, startMs: nowMs - durationMs });

  test("is a line as every other", () => {
    const { log, lines, last } = start();
    for (const durationMs of [0, 0.0004, 0.339, 1.5, 12.0605, 123_456.789]) {
      log.call(took(durationMs));
      expect(last()).toEqual({
        level: "info",
        time: "2026-01-01T00:00:00.000Z",
        service: "loom",
        code: "OK",
        msg: "call",
        method: weave,
        peer: call.peer,
        protocol: "grpc",
        traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
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
    log.call(took(1));
    clock.advance(1);
    log.call({ ...call, methodName: "loom.v1.LoomService/Rest", startMs: 0 });
    log.call({ ...call, startMs: 0, peer: 'a "quoted" one', protocolName: "grpc-web" });
    clock.advance(1_056.5);
    log.call(took(1, 1_057.5));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { time: "2026-01-01T00:00:00.000Z", method: "loom.v1.LoomService/Weave", peer: "127.0.0.1:4711" },
      { time: "2026-01-01T00:00:00.001Z", method: "loom.v1.LoomService/Rest" },
      { time: "2026-01-01T00:00:00.001Z", peer: 'a "quoted" one', protocol: "grpc-web" },
      { time: "2026-01-01T00:00:01.057Z", method: "loom.v1.LoomService/Weave" },
    ]);
  });

  test("is that of its own call, of many in any order", () => {
    const { clock, timers } = fakeTime();
    const lines: string[] = [];
    const destination = { write: (text: string) => void lines.push(...text.trim().split("\n")) };
    const log = createLog({ service: "loom", level: "info", clock, destination, timers });
    const told: object[] = [];
    for (let number = 0; number < 5_000; number++) {
      const durationMs = [0, 9.9994, 9.9996, 10, 99.5, 1_234.567][number % 6] as number;
      const own = {
        methodName: `loom.v1.LoomService/${["Weave", "Rest", "Mend"][number % 3]}`,
        peer: `127.0.0.1:${4_000 + (number % 101)}`,
        protocolName: ["grpc", "connect"][number % 2] as string,
        trace: new Trace(undefined, systemRandom),
      };
      log.call({ ...own, startMs: clock.monotonicMs() - durationMs });
      told.push({
        time: "2026-01-01T00:00:00.000Z",
        method: own.methodName,
        peer: own.peer,
        protocol: own.protocolName,
        durationMs: Math.round(durationMs * 1_000) / 1_000,
        traceId: own.trace.id,
      });
    }
    log.flush();
    expect(lines.map((line) => JSON.parse(line))).toMatchObject(told);
    expect(lines).toHaveLength(told.length);
  });

  test("tells its second and its millisecond, by a template of an earlier one", () => {
    const { log, last, clock } = start();
    for (const passedMs of [0, 1, 998, 1, 0.5, 60_000, 86_399_999]) {
      clock.advance(passedMs);
      log.call(took(1, clock.monotonicMs()));
      expect(last()).toMatchObject({ time: new Date(clock.nowMs()).toISOString(), durationMs: 1 });
    }
  });

  test("tells the time 0 of a wall clock, too", () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const log = createLog({ service: "loom", level: "info", clock: fakeClock(0), destination });
    log.call({ ...call, startMs: 0 });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ time: "1970-01-01T00:00:00.000Z", durationMs: 0 });
  });

  test("tells an own trace as its traceparent does", () => {
    const { log, lines, last } = start();
    const traces = Array.from({ length: 1_000 }, () => new Trace(undefined, systemRandom));
    for (const trace of traces) {
      log.call({ ...call, startMs: 0, trace });
      expect(last().traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(traceIdOf(trace.traceparent)).toBe(last().traceId);
    }
    expect(new Set(lines.map((line) => JSON.parse(line).traceId)).size).toBe(traces.length);
  });

  test("waits for others, and never behind a later line", async () => {
    const { clock, timers, advance } = fakeTime();
    const written: string[] = [];
    const destination = { write: (text: string) => void written.push(text) };
    const log = createLog({ service: "loom", level: "info", clock, destination, timers });
    log.call(took(1));
    log.call(took(2));
    expect(written).toEqual([]);
    log.info("later");
    expect(written.map((text) => text.split("\n").length - 1)).toEqual([2, 1]);
    log.call(took(3));
    await new Promise((resolve) => setImmediate(resolve));
    await advance(19);
    expect(written).toHaveLength(2);
    await advance(1);
    expect(written).toHaveLength(3);
    for (let index = 0; index < 1_000; index++) log.call(took(index, 20));
    log.flush();
    const lines = written.join("").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).durationMs)).toEqual([1, 2, undefined, 3, ...Array(1_000).keys()]);
  });

  test("is not written below its level", () => {
    const { log, lines } = start("warn");
    log.call(took(1));
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
      import { Trace, traceIdOf } from ${JSON.stringify(new URL("./traceparent.ts", import.meta.url).href)};
      const { clock, timers, random } = systemRuntime();
      const call = { peer: "127.0.0.1:4711", protocolName: "grpc" };
      const log = createLog({ service: "loom", level: "info", clock, timers });
      for (let number = 0; number < 5; number++) {
        log.call({ ...call, methodName: String(number), startMs: 0, trace: new Trace(undefined, random) });
        if (number === 2) log.info("between");
      }
      ${end}`;
    const ran = spawnSync(process.execPath, ["--conditions=source", "--input-type=module", "--eval", program], {
      encoding: "utf8",
    });
    expect(ran.status).toBe(status);
    const lines = ran.stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).method)).toEqual(["0", "1", "2", undefined, "3", "4"]);
  });
});
