import { createColors } from "picocolors";
import { expect, test } from "vitest";
import type { Program } from "./program.ts";
import type { SupervisorEvent } from "./supervisor.ts";
import type { Terminal } from "./terminal.ts";
import { upReporter } from "./up-reporter.ts";

const program: Program = { name: "customer", services: ["customer"], file: "", env: {}, isGateway: false };

const report = (event: SupervisorEvent): { out: string[]; err: string[] } => {
  const printed = { out: [] as string[], err: [] as string[] };
  const plain = createColors(false);
  const terminal: Terminal = {
    out: (line) => void printed.out.push(line),
    err: (line) => void printed.err.push(line),
    outIsTerminal: false,
    outColors: plain,
    errColors: plain,
  };
  upReporter(terminal)(event);
  return printed;
};

test("a service that is ready is one line with its address, process and time", () => {
  const service = { name: "customer", state: "ready", restarts: 0, address: "127.0.0.1:41234", process: { pid: 123 } };
  const { out, err } = report({ type: "ready", program, service: { ...service, state: "ready" }, readyAfterMs: 412 });
  expect(out[0]?.split(/ {2,}/)).toEqual(["customer", "ready", "127.0.0.1:41234", "pid 123", "0.41 s"]);
  expect(err).toEqual([]);
});

test("a service that died is one line with how, and when it starts again", () => {
  const { out, err } = report({ type: "died", program, exit: { code: null, signal: "SIGKILL" }, restartInMs: 100 });
  expect(err).toEqual(["customer was ended by SIGKILL; starts again in 0.1 s"]);
  expect(out).toEqual([]);
});

test("a service that hangs is told with how long it was silent, and how to keep it from being killed", () => {
  const { err } = report({ type: "hung", program, silentMs: 30_000 });
  expect(err).toEqual(["customer has given no sign of life for 30 s and is killed; HEDDLE_HANG_MS=0 lets it be"]);
});

test("a service that is given up is told with where to look", () => {
  const { err } = report({ type: "gave-up", program, exit: { code: 2, signal: null } });
  expect(err.join("\n")).toContain("heddle logs customer");
});

test("a service that is refused is told with why, and what to do", () => {
  const refusal = { message: "it would break callers", violations: ["a.proto: RULE: gone"], nextSteps: ["undo it"] };
  const { out, err } = report({
    type: "refused",
    program,
    service: { name: "customer", state: "refused", restarts: 0, refusal },
  });
  expect(out).toEqual([]);
  expect(err.map((line) => line.trim())).toEqual([
    "customer         refused: it would break callers",
    "a.proto: RULE: gone",
    "next:  undo it",
  ]);
});
