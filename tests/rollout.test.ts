import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HeddleUp, heddleUp, runHeddle } from "./heddle-up.ts";
import { type Alteration, alteredPackage } from "./rollout/altered-package.ts";
import { grpcJsLoad } from "./rollout/grpc-js-load.ts";
import { steadyLoad } from "./rollout/steady-load.ts";

let up: HeddleUp;
let folder: string;
let packed: Buffer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "heddle-rollout-"));
  const path = join(folder, "customer.tgz");
  const { code, stderr } = await runHeddle(["pack", "customer", "--output", path]);
  expect([code, stderr]).toEqual([0, expect.stringContaining("customer 0.1.0+")]);
  packed = readFileSync(path);
  up = await heddleUp("gateway", "customer", "creditscore");
}, 120_000);
afterAll(async () => {
  await up?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

const ADD_NOTE = "ALTER TABLE customers ADD COLUMN note TEXT;";

interface Process {
  readonly service: string;
  readonly replica: number;
  readonly version: string;
  readonly state: string;
  readonly pid: number;
  readonly release?: string;
}

const processes = async (): Promise<Process[]> => JSON.parse((await up.heddle("status", "--json")).stdout).services;
const pidsOf = async (...services: string[]) =>
  (await processes()).filter(({ service }) => services.includes(service)).map(({ pid }) => pid);
const customers = async () => (await processes()).filter(({ service }) => service === "customer");

const save = (alteration: Alteration): string => {
  const path = join(folder, `customer-${alteration.version}.tgz`);
  writeFileSync(path, alteredPackage(packed, alteration));
  return path;
};

/** Runs a command under load, of Connect's client and of grpc-js; every call of every caller must succeed. */
const underLoad = async (...command: string[]) => {
  const loads = [steadyLoad(up.url, 4), grpcJsLoad(up.url, 2)];
  return up.heddle(...command).finally(async () => {
    for (const { calls, failures } of await Promise.all(loads.map((load) => load.stop()))) {
      expect(failures).toEqual([]);
      expect(calls).toBeGreaterThan(0);
    }
  });
};

test("a service grows and shrinks under load without a failed call, and the others stay as they are", async () => {
  const others = await pidsOf("gateway", "creditscore");
  expect((await underLoad("scale", "customer=3")).code).toBe(0);
  expect((await customers()).map(({ replica, state }) => [replica, state])).toEqual([
    [1, "serving"],
    [2, "serving"],
    [3, "serving"],
  ]);
  expect((await underLoad("scale", "customer=1")).code).toBe(0);
  expect(await customers()).toHaveLength(1);
  expect(await pidsOf("gateway", "creditscore")).toEqual(others);
}, 120_000);

test("a service is restarted under load without a failed call", async () => {
  const before = await pidsOf("customer");
  const { code, stdout } = await underLoad("restart", "customer", "--json");
  expect(code).toBe(0);
  const steps = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).step);
  expect(steps).toEqual(["starting", "ready", "draining", "stopped"]);
  expect(await pidsOf("customer")).not.toEqual(before);
}, 120_000);

test("the gateway is restarted at its address under load without a failed call, and the services stay as they are", async () => {
  const others = await pidsOf("customer", "creditscore");
  const [before] = await pidsOf("gateway");
  expect((await underLoad("restart", "gateway")).code).toBe(0);
  const [after] = await pidsOf("gateway");
  expect(after).not.toBe(before);
  expect(await pidsOf("customer", "creditscore")).toEqual(others);
}, 120_000);

test("a release with a migration is deployed under load without a failed call, takes its share, and can be undone", async () => {
  const others = await pidsOf("gateway", "creditscore");
  const path = save({
    version: "0.2.0",
    add: { "files/services/customer/migrations/0002-add-a-note.sql": ADD_NOTE },
  });
  const { code, stderr } = await underLoad("deploy", "customer", "--from", path, "--watch", "2s");
  expect([code, stderr]).toEqual([0, expect.stringContaining("0002-add-a-note")]);
  expect(stderr).toMatch(/watched\s+[1-9]\d* calls, 0 failed/);
  expect(await customers()).toMatchObject([{ version: "0.2.0", state: "serving" }]);
  expect(await pidsOf("gateway", "creditscore")).toEqual(others);

  // Code from before the migration opens the file that has had it.
  expect((await underLoad("rollout", "undo", "customer")).code).toBe(0);
  expect(await customers()).toMatchObject([{ version: "0.1.0", state: "serving" }]);
  const { stdout } = await up.heddle("rollout", "history", "customer", "--json");
  const rollouts = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(rollouts).toMatchObject([
    { number: 2, kind: "undo", release: null, outcome: "done" },
    { number: 1, kind: "deploy", from: null, outcome: "done" },
  ]);
}, 120_000);

test.each<[string, Alteration, RegExp]>([
  [
    "that fails its calls",
    {
      version: "0.3.0",
      replace: [
        ["main.js", "listCustomers: listCustomers(deps)", 'listCustomers: () => { throw new Error("broken"); }'],
      ],
    },
    /calls failed/,
  ],
  [
    "that ends as soon as it is ready",
    {
      version: "0.3.1",
      replace: [["main.js", 'type: "ready",', 'type: "ready", ...setImmediate(() => process.exit(7)),']],
    },
    /ended with status 7/,
  ],
  [
    "that does not start",
    { version: "0.3.2", replace: [["main.js", "var version", "process.exit(2);\nvar version"]] },
    /ended with status 2/,
  ],
])(
  "a release %s is taken back by itself, and the old one has not been touched",
  async (_, alteration, why) => {
    const before = await processes();
    const load = steadyLoad(up.url, 4);
    const { code, stderr } = await up.heddle("deploy", "customer", "--from", save(alteration), "--watch", "20s");
    const { failures, calls } = await load.stop();
    expect([code, stderr]).toEqual([1, expect.stringMatching(why)]);
    expect(stderr).toContain("was taken back");
    expect((await processes()).map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    // Only a release that answers, and answers wrongly, costs anything, and only as long as it is watched.
    if (alteration.version === "0.3.0") expect(failures.length).toBeLessThan(calls / 2);
    await up.client(CustomerService).listCustomers({ pageSize: 1 });
  },
  60_000,
);

test("a release whose migrations the running one does not survive is refused before anything starts", async () => {
  const before = await pidsOf("customer");
  const second = "files/services/customer/migrations/0002-add-a-note.sql";
  const third = "files/services/customer/migrations/0003-drop-phone.sql";
  const drop = "ALTER TABLE customers DROP COLUMN phone;";
  // The file has had the second one by now, from the release that was undone: another one in its place is no way on.
  const other = save({ version: "0.4.0", add: { [second]: drop } });
  const narrowing = save({ version: "0.4.1", add: { [second]: ADD_NOTE, [third]: drop } });
  expect((await up.heddle("deploy", "customer", "--from", other)).stderr).toContain("was edited after it ran");
  const refused = await up.heddle("deploy", "customer", "--from", narrowing, "--contract");
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/no(t have a)? column named phone|no such column: phone/),
  ]);
  expect(await pidsOf("customer")).toEqual(before);
}, 120_000);

test("a package that was changed is refused", async () => {
  const broken = Buffer.from(packed);
  broken[broken.length >> 1] = (broken[broken.length >> 1] ?? 0) ^ 0xff;
  const path = join(folder, "broken.tgz");
  writeFileSync(path, broken);
  const { code, stderr } = await up.heddle("deploy", "customer", "--from", path);
  expect([code, stderr]).toEqual([1, expect.stringContaining("no package of heddle")]);
  expect((await up.heddle("deploy", "creditscore", "--from", join(folder, "customer.tgz"))).stderr).toContain(
    "package of customer, not of creditscore",
  );
});
