import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { OverviewService, OverviewSource } from "@heddle/contracts/overview/v1";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type Finished, runHeddle } from "./heddle-up.ts";
import { startMesh, type TestMesh } from "./mesh.ts";

const LOOM = new URL("./admission/loom.ts", import.meta.url).pathname;
const WEAVE = "loom.v1.LoomService/Weave";

/** Time enough for a machine that does other things as well. */
const PATIENCE = { timeout: 20_000, interval: 100 };

let mesh: TestMesh;
const looms: ChildProcess[] = [];

/** A process of the service `loom`: `first` is version 1.0.0, `second` 2.0.0. */
const startLoom = async (contract: "first" | "second") => {
  const child = spawn(process.execPath, ["--conditions=source", LOOM, contract], {
    env: { ...process.env, HEDDLE_GATEWAY: mesh.url, HEDDLE_DATA: mesh.dataFolder, HEDDLE_LOG_LEVEL: "warn" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  looms.push(child);
  await once(child, "message");
};

const stop = async (child: ChildProcess) => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
};

beforeAll(async () => {
  mesh = await startMesh([]);
  for (const contract of ["first", "second"] as const) await startLoom(contract);
}, 60_000);
afterEach(async () => {
  await heddle("traffic", "clear", "loom");
  await heddle("fault", "remove", "--all");
});
afterAll(async () => {
  await Promise.all(looms.map(stop));
  await mesh.stop();
});

const heddle = (...args: string[]): Promise<Finished> =>
  runHeddle([...args, "--gateway", mesh.url], { ...process.env, NO_COLOR: "1", HEDDLE_DATA: mesh.dataFolder });

/** The version that answers a call, or the code where none does. */
const call = async (headers: Readonly<Record<string, string>> = {}): Promise<string> => {
  const response = await fetch(`${mesh.url}/${WEAVE}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: "{}",
  });
  const { colour, code } = (await response.json()) as { colour?: string; code?: string };
  return colour ?? code ?? "";
};

const answers = async (calls: number, headers?: Readonly<Record<string, string>>): Promise<string[]> => {
  const all = await Promise.all(Array.from({ length: calls }, () => call(headers)));
  return [...new Set(all)].sort();
};

describe("heddle traffic", () => {
  test("shares the calls among versions, and shows and clears what it was told", async () => {
    const set = await heddle("traffic", "set", "loom", "v1.0.0=0", "v2.0.0=100", "--reason", "2.0.0 is well");
    expect(set).toMatchObject({ code: 0, stdout: "loom: v1.0.0 gets 0 %, v2.0.0 gets 100 %\n" });
    expect(await answers(50)).toEqual(["2.0.0"]);
    const shown = await heddle("traffic", "show", "loom");
    expect(shown.stdout).toMatch(
      /rul_\w+ +loom: v1\.0\.0 gets 0 %, v2\.0\.0 gets 100 % +never +local +2\.0\.0 is well/,
    );
    expect((await heddle("traffic", "clear", "loom")).stdout).toContain("ended  loom: v1.0.0 gets 0 %");
    expect(await answers(50)).toEqual(["1.0.0", "2.0.0"]);
    expect((await heddle("traffic", "show")).stderr).toContain("No rule directs the calls");
  });

  test("sends calls with a header to a version", async () => {
    const set = await heddle("traffic", "set", "loom", "v1.0.0=1", "--header", "x-canary=1:v2.0.0", "--json");
    expect(
      set.stdout
        .trim()
        .split("\n")
        .map((line) => Object.keys(JSON.parse(line).action)),
    ).toEqual([["split"], ["headerRoute"]]);
    expect(await answers(30)).toEqual(["1.0.0"]);
    expect(await answers(30, { "x-canary": "1" })).toEqual(["2.0.0"]);
  });

  test("tells of versions and services that are not there", async () => {
    expect((await heddle("traffic", "set", "loom", "v2.0.0=1", "v9.0.0=1")).stderr).toContain(
      "loom 9.0.0 has no instance now: until it has, it gets nothing, and the calls go to the others (1.0.0, 2.0.0).",
    );
    expect(await answers(30)).toEqual(["2.0.0"]);
    expect((await heddle("traffic", "set", "lom", "v1.0.0=1")).stderr).toContain("Did you mean loom?");
    await heddle("traffic", "clear", "lom");
  });

  test("copies calls to a version, compares the answers, and bills nobody", async () => {
    await heddle("traffic", "set", "loom", "v1.0.0=1", "v2.0.0=0");
    const mirrored = await heddle("traffic", "mirror", "loom", "v2.0.0", "--share", "100", "--method", WEAVE);
    expect(mirrored).toMatchObject({ code: 0, stdout: `loom: 100 % of reads and ${WEAVE} are copied to v2.0.0\n` });
    const usage = mesh.client(UsageService);
    const counted = async () => {
      const { methods } = await usage.listMethodUsage({ method: WEAVE });
      return methods.reduce((sum, { calls }) => sum + Number(calls), 0);
    };
    const before = await counted();
    expect(await answers(20)).toEqual(["1.0.0"]);
    await vi.waitFor(async () => {
      const { stdout } = await heddle("traffic", "show", "loom");
      expect(stdout).toContain(`${WEAVE}  loom 2.0.0: 20 of 20 copies had the same shape`);
    }, PATIENCE);
    expect((await counted()) - before).toBe(20);
  });

  test("is told what is wrong with a command", async () => {
    expect(await heddle("traffic", "set", "loom")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("v1.3.0=90"),
    });
    expect(await heddle("traffic", "set", "loom", "v1.0.0")).toMatchObject({ code: 2 });
    expect(await heddle("traffic", "set", "loom", "v1.0.0=0")).toMatchObject({
      code: 67,
      stderr: expect.stringContaining("at least one version needs a weight above zero"),
    });
  });
});

describe("heddle fault", () => {
  test("fails and holds calls until it is removed", async () => {
    const added = await heddle("fault", "add", WEAVE, "--abort", "unavailable", "--share", "100", "--for", "5m");
    expect(added.stdout).toMatch(
      /^rul_\w+ {2}loom\.v1\.LoomService\/Weave: 100 % of calls failed with unavailable, until /,
    );
    expect(await answers(5)).toEqual(["unavailable"]);
    const { stdout } = await heddle("fault", "list", "--json");
    const { id } = JSON.parse(stdout) as { id: string };
    expect(await heddle("fault", "remove", id)).toMatchObject({ code: 0 });
    expect(await answers(50)).toEqual(["1.0.0", "2.0.0"]);
    expect((await heddle("fault", "list")).stderr).toContain("No fault is in force.");
  });

  test("names the nearest method, and refuses what does nothing", async () => {
    expect(await heddle("fault", "add", "loom.v1.LoomService/Weaf", "--abort", "14")).toMatchObject({
      code: 69,
      stderr: expect.stringContaining("did you mean loom.v1.LoomService/Weave?"),
    });
    expect((await heddle("fault", "add", "loom", "--abort", "14")).stderr).toContain(
      "No contract has loom; its full name is loom.v1.LoomService",
    );
    expect(await heddle("fault", "add", WEAVE)).toMatchObject({ code: 2 });
    expect(await heddle("fault", "add", WEAVE, "--abort", "nonsense")).toMatchObject({ code: 2 });
    expect(await heddle("fault", "remove", "rul_none")).toMatchObject({ code: 69 });
  });
});

test("a call between services, which passes no gateway otherwise, is hit by a fault until that is removed", async () => {
  for (const service of ["customer", "overview"]) await mesh.start(service);
  const { customer } = await mesh.client(CustomerService).createCustomer({
    givenName: "Ada",
    familyName: "Lovelace",
    email: "ada@example.com",
  });
  const overview = mesh.client(OverviewService);
  /** How the customer's own service has answered the overview's. */
  const asked = async () => {
    const reply = await overview.composeCustomerOverview({ customerId: customer?.id ?? "" });
    const status = reply.customerOverview?.sources.find(({ source }) => source === OverviewSource.CUSTOMER);
    return status?.reason;
  };
  await vi.waitFor(async () => expect(await asked()).toBe(""), PATIENCE);
  await heddle("fault", "add", "customer.v1.CustomerService/GetCustomer", "--abort", "data_loss");
  await vi.waitFor(async () => expect(await asked()).toBe("FAULT_INJECTED"), PATIENCE);
  await heddle("fault", "remove", "--all");
  await vi.waitFor(async () => expect(await asked()).toBe(""), PATIENCE);
});

test("heddle policy tells what is in force for a method and why, with the rules and the instances", async () => {
  await heddle("traffic", "set", "loom", "v1.0.0=90", "v2.0.0=10");
  const { code, stdout } = await heddle("policy", WEAVE);
  expect(code).toBe(0);
  for (const line of [
    /^deadline +30 s +default of unary methods/m,
    /^retry +never +the contract: no idempotency_level/m,
    /^rul_\w+ +loom: v1\.0\.0 gets 90 %, v2\.0\.0 gets 10 %/m,
    /^ins_\w+ +loom 1\.0\.0 +127\.0\.0\.1:\d+/m,
    /^ins_\w+ +loom 2\.0\.0 +127\.0\.0\.1:\d+/m,
  ]) {
    expect(stdout).toMatch(line);
  }
  const all = await heddle("policy", "loom.v1.LoomService", "--json");
  expect(
    all.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).method),
  ).toEqual(["loom.v1.LoomService/Weave", "loom.v1.LoomService/Rest"]);
  expect(await heddle("policy", "loom.v1.LomService")).toMatchObject({
    code: 69,
    stderr: expect.stringContaining("loom.v1.LoomService"),
  });
});
