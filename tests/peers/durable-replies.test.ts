import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seeded } from "../../mesh/store/fixtures/torn.ts";
import { startMesh, type TestMesh } from "../mesh.ts";
import { CuttableDisk, parseTrace, sentBeforeSynced, type TracedCall } from "./system-calls.ts";

const SEED = Number(process.env.HEDDLE_SEED ?? 20_261_121);
const CUTS = Number(process.env.HEDDLE_CUTS ?? 40);
const CALLS = "pwrite64,write,writev,sendmsg,sendto,fdatasync,fsync,ftruncate";

let mesh: TestMesh;
let folder: string;
let calls: TracedCall[];
let log: string;
const ids: string[] = [];

/** A customer service under strace that is called, drained and ended. */
beforeAll(async () => {
  await promisify(execFile)("strace", ["-V"]).catch(() => {
    throw new Error("strace is missing: these tests trace a real process. See .ci/run for how to install it.");
  });
  folder = mkdtempSync(join(tmpdir(), "heddle-trace-"));
  mesh = await startMesh([]);
  const trace = join(folder, "trace");
  const options = ["-f", "-yy", "-xx", "-s", "200000", "--seccomp-bpf", "-e", `trace=${CALLS}`, "-o", trace];
  const service = spawn("strace", [...options, process.execPath, "--conditions=source", "services/customer/main.ts"], {
    env: { ...process.env, HEDDLE_PORT: new URL(mesh.url).port, HEDDLE_DATA: folder, HEDDLE_LOG_LEVEL: "warn" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [{ address }] = (await once(service, "message")) as [{ address: string }];
  const customers = createClient(CustomerService, createGrpcTransport({ baseUrl: `http://${address}` }));
  const create = async (index: number) => {
    const person = { givenName: "Ada", familyName: "Lovelace", email: `ada${index}@example.com` };
    const { customer } = await customers.createCustomer(person);
    ids.push(customer?.id ?? "");
  };
  for (let round = 0; round < 8; round++)
    await Promise.all(Array.from({ length: 8 }, (_, index) => create(round * 8 + index)));
  const ended = once(service, "exit");
  // It drains when its supervisor goes.
  service.disconnect();
  await ended;
  calls = parseTrace(readFileSync(trace, "utf8"));
  log = join(folder, "customer", "customer.db-wal");
}, 120_000);
afterAll(async () => {
  await mesh?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

test("no reply leaves before the sync that covers its commit has returned", () => {
  const { logged, sent, early } = sentBeforeSynced(calls, log, ids);
  expect(ids).toHaveLength(64);
  expect(logged.size).toBe(ids.length);
  expect(sent.size).toBe(ids.length);
  expect([...early]).toEqual([]);
});

test("a trace in which nothing is synced is found out", () => {
  const without = calls.filter(({ name }) => name !== "fdatasync");
  expect(sentBeforeSynced(without, log, ids).early.size).toBeGreaterThan(0);
});

test(`whenever the power is cut, what was answered is there (seed ${SEED})`, () => {
  const random = seeded(SEED);
  const file = join(folder, "customer", "customer.db");
  const first = calls.findIndex(({ target, data }) => target.startsWith("TCP") && data.includes(ids[0] ?? "none"));
  const cuts = new Set(Array.from({ length: CUTS }, () => first + Math.floor(random() * (calls.length - first))));
  const disk = new CuttableDisk();
  const answered = new Set<string>();
  calls.forEach((call, index) => {
    disk.apply(call);
    if (call.target.startsWith("TCP") && call.moment !== "begin")
      for (const id of ids) if (call.data.includes(id)) answered.add(id);
    if (!cuts.has(index)) return;
    const home = join(folder, `cut${index}`);
    mkdirSync(home);
    writeFileSync(join(home, "customer.db"), disk.afterCut(file, random));
    writeFileSync(join(home, "customer.db-wal"), disk.afterCut(log, random));
    const database = new Database(join(home, "customer.db"));
    expect(database.pragma("integrity_check", { simple: true }), home).toBe("ok");
    const found = new Set(database.prepare("SELECT id FROM customers").pluck().all());
    database.close();
    expect(
      [...answered].filter((id) => !found.has(id)),
      home,
    ).toEqual([]);
  });
});
