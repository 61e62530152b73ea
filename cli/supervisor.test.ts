import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock, systemTimers } from "@heddle/mesh/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLogFile } from "./log-file.ts";
import { isAlive } from "./process-info.ts";
import type { Program } from "./program.ts";
import type { ServiceState } from "./state-file.ts";
import { createSupervisor, type Supervisor, type SupervisorEvent } from "./supervisor.ts";

let folder: string;
let supervisor: Supervisor | undefined;
let events: SupervisorEvent[];
let services: readonly ServiceState[];
let listeners: (() => void)[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-supervisor-"));
  events = [];
  services = [];
  listeners = [];
});
afterEach(async () => {
  supervisor?.kill();
  await supervisor?.ended;
  rmSync(folder, { recursive: true, force: true });
});

const program = (name: string, behaviour = "", file = ""): Program => ({
  name,
  services: [name],
  file: fileURLToPath(new URL("./fixtures/child.ts", import.meta.url)),
  args: [name, behaviour, file],
  env: process.env,
  isGateway: name === "gateway",
});

const supervise = (programs: Program[], drainMs = 10_000, hangMs = 30_000): Supervisor => {
  supervisor = createSupervisor({
    programs,
    clock: systemClock,
    timers: systemTimers,
    drainMs,
    hangMs,
    openLog: ({ name }) => openLogFile(join(folder, `${name}.log`)),
    onEvent: (event) => {
      events.push(event);
      for (const listener of listeners) listener();
    },
    onChange: (now) => {
      services = now;
    },
  });
  supervisor.start();
  return supervisor;
};

const until = (condition: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const check = () => condition() && resolve();
    listeners.push(check);
    check();
  });

const eventsOf = <T extends SupervisorEvent["type"]>(type: T) =>
  events.filter((event): event is Extract<SupervisorEvent, { type: T }> => event.type === type);

test("a program that is stopped from outside is killed when it was silent for too long, and started again", async () => {
  const answered = join(folder, "answered");
  const mesh = supervise([program("customer", "notes-pings", answered), program("order")], 10_000, 3_000);
  await mesh.allReady;
  const processes = services.map(({ process }) => process ?? expect.fail("it does not run"));
  await expect.poll(() => existsSync(answered), { timeout: 10_000 }).toBe(true);
  process.kill(processes[0]?.pid ?? 0, "SIGSTOP");
  await until(() => eventsOf("ready").length === 3);
  expect(eventsOf("hung")).toMatchObject([{ program: { name: "customer" }, silentMs: 3_000 }]);
  expect(eventsOf("died")).toMatchObject([{ program: { name: "customer" }, exit: { signal: "SIGKILL" } }]);
  expect(services).toMatchObject([
    { state: "ready", restarts: 1 },
    { state: "ready", restarts: 0 },
  ]);
  expect(processes.map(isAlive)).toEqual([false, true]);
});

test("a mesh of which only what gave up is left comes to its end when it is stopped", async () => {
  const mesh = supervise([program("customer", "misconfigured"), program("order")]);
  expect(await mesh.allReady).toBe(false);
  expect(await mesh.remove("order")).toBe(true);
  expect(await mesh.stop()).toBe(false);
  await mesh.ended;
});

test("all programs become ready, each at its own address, and their output is in their logs", async () => {
  const mesh = supervise([program("gateway"), program("customer"), program("order")]);
  expect(await mesh.allReady).toBe(true);
  expect(services.map(({ name, state, restarts }) => [name, state, restarts])).toEqual([
    ["gateway", "ready", 0],
    ["customer", "ready", 0],
    ["order", "ready", 0],
  ]);
  expect(new Set(services.map(({ address }) => address)).size).toBe(3);
  await until(() => eventsOf("grave-line").length === 3);
  expect(readFileSync(join(folder, "customer.log"), "utf8")).toBe(
    '{"level":"warn","service":"customer","msg":"hello"}\n',
  );
});

test("a program that crashes is started again and its last words are handed on", async () => {
  supervise([program("customer", "crashes-once", join(folder, "crashed"))]);
  await until(() => eventsOf("ready").length === 2);
  expect(eventsOf("died")).toMatchObject([{ exit: { code: 7, signal: null }, restartInMs: 100 }]);
  expect(eventsOf("grave-line").map(({ line }) => line.fields.msg)).toContain("TypeError: boom");
  expect(services).toMatchObject([{ name: "customer", state: "ready", restarts: 1, lastExit: { code: 7 } }]);
});

test("a program whose service is refused keeps nobody waiting, and may be ready later", async () => {
  const allowed = join(folder, "allowed");
  const mesh = supervise([program("gateway"), program("customer", "refused-first", allowed)]);
  expect(await mesh.allReady).toBe(false);
  expect(services).toMatchObject([
    { name: "gateway", state: "ready" },
    { name: "customer", state: "refused", version: "1.0.0", refusal: { nextSteps: ["undo it"] } },
  ]);
  expect(eventsOf("refused")).toHaveLength(1);
  writeFileSync(allowed, "");
  await until(() => eventsOf("ready").length === 2);
  expect(services[1]).toMatchObject({ state: "ready", refusal: undefined });
});

test("a program that is killed from outside is started again", async () => {
  const mesh = supervise([program("customer")]);
  await mesh.allReady;
  process.kill(services[0]?.process?.pid ?? 0, "SIGKILL");
  await until(() => eventsOf("ready").length === 2);
  expect(eventsOf("died")).toMatchObject([{ exit: { code: null, signal: "SIGKILL" } }]);
});

test("a program whose configuration is wrong is not started again", async () => {
  const mesh = supervise([program("customer", "misconfigured")]);
  expect(await mesh.allReady).toBe(false);
  await mesh.ended;
  expect(eventsOf("died")).toEqual([]);
  expect(eventsOf("gave-up")).toMatchObject([{ exit: { code: 2 } }]);
  expect(eventsOf("grave-line").map(({ line }) => line.fields.msg)).toEqual(["HEDDLE_DATA is not a folder."]);
});

test("a program that never becomes ready is given up after five attempts", async () => {
  const mesh = supervise([program("customer", "never-starts")]);
  expect(await mesh.allReady).toBe(false);
  expect(eventsOf("died").map(({ restartInMs }) => restartInMs)).toEqual([100, 200, 400, 800]);
  expect(eventsOf("gave-up")).toHaveLength(1);
});

test("a drain stops the services first and the gateway last, and nothing is started again", async () => {
  const order = join(folder, "order");
  const mesh = supervise([
    program("gateway", "", order),
    program("customer", "", order),
    program("billing", "", order),
  ]);
  await mesh.allReady;
  const pids = services.map((service) => service.process);
  expect(await mesh.stop()).toBe(true);
  await mesh.ended;
  expect(readFileSync(order, "utf8").trim().split("\n").at(-1)).toBe("gateway stopped");
  expect(services.map(({ state }) => state)).toEqual(["stopped", "stopped", "stopped"]);
  expect(pids.map((pid) => pid !== undefined && isAlive(pid))).toEqual([false, false, false]);
});

test("a program that does not drain in time is killed and the stop is not clean", async () => {
  const mesh = supervise([program("customer", "stubborn")], 200);
  await mesh.allReady;
  expect(await mesh.stop()).toBe(false);
  expect(services).toMatchObject([{ state: "killed" }]);
});

test("a kill during a drain ends everything at once", async () => {
  const mesh = supervise([program("gateway"), program("customer", "stubborn")], 60_000);
  await mesh.allReady;
  const stopped = mesh.stop();
  mesh.kill();
  expect(await stopped).toBe(false);
  await mesh.ended;
});

test("a stop during the wait before a restart starts nothing more", async () => {
  const mesh = supervise([program("customer", "crashes-once", join(folder, "crashed"))]);
  await until(() => eventsOf("died").length === 1);
  await mesh.stop();
  await mesh.ended;
  expect(eventsOf("ready")).toHaveLength(1);
  expect(services).toMatchObject([{ state: "stopped" }]);
});
