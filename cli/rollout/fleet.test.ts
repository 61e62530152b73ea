import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock, systemTimers } from "@heddle/mesh/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../tests/mesh.ts";
import { openLogFile } from "../log-file.ts";
import { isAlive } from "../process-info.ts";
import type { Program } from "../program.ts";
import { replicaName } from "../state-file.ts";
import { createSupervisor, type Supervisor } from "../supervisor.ts";
import type { Step } from "./control-messages.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { type HeldPort, holdPort } from "./held-port.ts";

let folder: string;
let supervisor: Supervisor;
let fleet: Fleet;
let steps: Step[];
let port: HeldPort | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-fleet-"));
  steps = [];
  port = undefined;
});
afterEach(async () => {
  supervisor.kill();
  await supervisor.ended;
  port?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A release of a fixture is what it does. */
const programOf = (service: string, replica: number, release: string | undefined): Program => ({
  name: replicaName(service, replica),
  services: [service],
  replica,
  release,
  file: fileURLToPath(new URL("../fixtures/child.ts", import.meta.url)),
  args: [service, release ?? "", join(folder, `${service}${replica}`)],
  env: process.env,
  isGateway: service === "gateway",
  listenFd: service === "gateway" ? port?.fd : undefined,
});

const run = async (...programs: Program[]): Promise<void> => {
  const { clock, timers } = { clock: systemClock, timers: systemTimers };
  supervisor = createSupervisor({
    programs,
    clock,
    timers,
    drainMs: 5_000,
    hangMs: 0,
    openLog: ({ name }) => openLogFile(join(folder, `${name}.log`)),
    onEvent: () => undefined,
    onChange: () => undefined,
  });
  fleet = createFleet({ supervisor, clock, timers, programOf });
  supervisor.start();
  expect(await supervisor.allReady).toBe(true);
};

let told: () => void = () => undefined;
const tell = (step: Step): void => {
  steps.push(step);
  told();
};
const until = (condition: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    told = () => condition() && resolve();
    told();
  });
const options = { timeoutMs: 20_000, watchMs: 0, tell };
const named = () =>
  supervisor.states().map(({ name, replica, release = "" }) => [replicaName(name, replica), release].join(" ").trim());
const pids = () => supervisor.states().map(({ process }) => process?.pid);

test("a service grows and shrinks, and the processes of the others stay as they are", async () => {
  await run(programOf("customer", 1, undefined), programOf("order", 1, undefined));
  const before = pids();
  await fleet.scale("customer", { count: 3, release: undefined }, options);
  expect(named()).toEqual(["customer", "customer#2", "customer#3", "order"]);
  expect([pids()[0], pids()[3]]).toEqual(before);
  await fleet.scale("customer", { count: 1, release: undefined }, options);
  expect(named()).toEqual(["customer", "order"]);
  expect(pids()).toEqual(before);
});

test("a service that shrinks keeps the processes that serve, whichever they are", async () => {
  await run(programOf("customer", 1, undefined), programOf("customer", 2, undefined));
  supervisor.add(programOf("order", 1, "misconfigured"));
  supervisor.add(programOf("order", 2, undefined));
  const heard = Promise.withResolvers<void>();
  const off = supervisor.listen(() => {
    const states = supervisor.states().filter(({ name }) => name === "order");
    if (states.map(({ state }) => state).join(" ") === "failed ready") heard.resolve();
  });
  await heard.promise;
  off();
  await fleet.scale("order", { count: 1, release: undefined }, options);
  expect(supervisor.states().filter(({ name }) => name === "order")).toMatchObject([{ replica: 2, state: "ready" }]);
});

test("a service without a process is no end of the mesh, and comes back", async () => {
  await run(programOf("customer", 1, "good"));
  await fleet.scale("customer", { count: 0, release: "good" }, options);
  expect(named()).toEqual([]);
  await fleet.scale("customer", { count: 1, release: "good" }, options);
  expect(named()).toEqual(["customer good"]);
});

test("processes are replaced one at a time, each new one ready before an old one drains", async () => {
  await run(programOf("customer", 1, undefined), programOf("customer", 2, undefined));
  const before = supervisor.states().flatMap(({ process }) => process ?? []);
  expect(await fleet.replace("customer", "good", options)).toBeUndefined();
  expect(named()).toEqual(["customer good", "customer#3 good"]);
  expect(steps.map(({ step, process }) => `${step} ${process}`)).toEqual([
    "starting customer#3",
    "ready customer#3",
    "draining customer",
    "stopped customer",
    "starting customer",
    "ready customer",
    "draining customer#2",
    "stopped customer#2",
  ]);
  expect(before.some(isAlive)).toBe(false);
});

test.each([
  ["misconfigured", /ended with status 2/],
  ["never-starts", /ended with status 1/],
  ["refused-first", /was refused: it would break callers/],
])("a release that is %s goes again, and the old one has not been touched", async (release, reason) => {
  await run(programOf("customer", 1, undefined));
  const before = pids();
  expect(await fleet.replace("customer", release, options)).toMatch(reason);
  expect(named()).toEqual(["customer"]);
  expect(pids()).toEqual(before);
});

test("a release that is not ready in time goes again", async () => {
  await run(programOf("customer", 1, undefined));
  const reason = await fleet.replace("customer", "refused-first", { ...options, timeoutMs: 1 });
  expect(reason).toMatch(/was not ready within/);
  expect(named()).toEqual(["customer"]);
});

test("a release that fails its calls while it is watched goes again", async () => {
  await run(programOf("customer", 1, undefined));
  const before = pids();
  const reason = await fleet.replace("customer", "fails-calls", { ...options, watchMs: 20_000 });
  expect(reason).toMatch(/50 of its 100 calls failed, of the old version's 0 of 100/);
  expect(pids()).toEqual(before);
});

test("a mesh that stops in the middle of a watch waits for nothing more", async () => {
  await run(programOf("customer", 1, undefined));
  const replaced = fleet.replace("customer", "good", { ...options, watchMs: 3_600_000 });
  replaced.catch(() => undefined);
  await until(() => steps.at(-1)?.step === "watching");
  expect(await supervisor.stop()).toBe(true);
  await expect(replaced).rejects.toThrow("The mesh is stopping");
});

test("a release that dies once it was ready goes, and what had gone comes back", async () => {
  await run(programOf("customer", 1, undefined), programOf("customer", 2, undefined));
  const reason = await fleet.replace("customer", "crashes-once", options);
  expect(reason).toMatch(/ended with status 7/);
  expect(supervisor.states().map(({ release, state }) => [release, state])).toEqual([
    [undefined, "ready"],
    [undefined, "ready"],
  ]);
});

test("a release that is not fit stays where what was there before does not come back, so that somebody answers", async () => {
  await run(programOf("customer", 1, "starts-once"), programOf("customer", 2, undefined));
  const replaced = fleet.replace("customer", "crashes-once", { ...options, timeoutMs: 2_000 });
  expect(await replaced).toMatch(
    /ended with status 7; what was there before: customer(#4)? (ended with status 1|was not ready)/,
  );
  expect(steps.filter(({ step }) => step === "kept")).toHaveLength(1);
  const serving = supervisor.states().filter(({ state }) => state === "ready");
  expect(serving.map(({ release }) => release).sort()).toEqual(["crashes-once", undefined]);
});

test("a gateway's successor takes connections at the same port, and none is refused in between", async () => {
  const address = { host: "127.0.0.1", port: await freePort() };
  port = holdPort(address);
  await run(programOf("gateway", 1, undefined));
  const ask = async (): Promise<string> => {
    const connection = connect(address);
    const [said] = await once(connection, "data");
    connection.destroy();
    return String(said);
  };
  const [before] = pids();
  expect(await ask()).toBe(`gateway${before}`);
  let isReplaced = false;
  const asked = (async () => {
    const answers = new Set<string>();
    while (!isReplaced) answers.add(await ask());
    return answers;
  })();
  expect(await fleet.replace("gateway", undefined, options)).toBeUndefined();
  isReplaced = true;
  const [after] = pids();
  expect(after).not.toBe(before);
  for (const answer of await asked) expect([`gateway${before}`, `gateway${after}`]).toContain(answer);
  expect(await ask()).toBe(`gateway${after}`);
});
