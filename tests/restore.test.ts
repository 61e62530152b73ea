import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CustomerCreatedSchema } from "@heddle/contracts/customer/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { eventsAfter, openStore } from "@heddle/mesh/store";
import { expect, onTestFinished, test } from "vitest";
import { runHeddle } from "./heddle-up.ts";

/** A data folder with the database of one service, which no process has open. */
const start = async () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-restore-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, "data");
  const backups = join(folder, "backups");
  const database = join(data, "customer", "customer.db");
  const open = () =>
    openStore({
      path: database,
      name: "customer",
      migrations: new URL("../services/customer/migrations/", import.meta.url),
      runtime: systemRuntime(),
    });
  const publish = async (id: string) => {
    const store = await open();
    await store.write((tx) => tx.publish(CustomerCreatedSchema, { customer: { id } }));
    await store.close();
  };
  const keys = async () => {
    const store = await open();
    const events = await store.read((reader) => eventsAfter(reader, 0n)).finally(() => store.close());
    return events.map(({ key }) => key);
  };
  const heddle = (...args: string[]) =>
    runHeddle([...args, "--data", data], { ...process.env, NO_COLOR: "1", HEDDLE_DATA: data });
  await publish("cus_1");
  return { data, backups, database, open, publish, keys, heddle };
};

test("a backup is held against its manifest, and what it replaces is moved aside whole", async () => {
  const { backups, database, publish, keys, heddle, data } = await start();
  const backup = await heddle("backup", backups, "customer", "--json");
  expect(backup).toMatchObject({ code: 0 });
  const [made] = JSON.parse(backup.stdout);
  expect(made).toMatchObject({ service: "customer", lastEventSequence: 1, rows: { heddle_events: 1, customers: 0 } });
  const { path, ...manifest } = made;
  expect(JSON.parse(readFileSync(join(backups, "customer.json"), "utf8"))).toEqual(manifest);
  expect(path).toBe(join(backups, "customer.db"));

  await publish("cus_2");
  const restored = await heddle("restore", backups, "--json");
  expect(restored).toMatchObject({ code: 0 });
  expect(restored.stderr).toContain(
    "customer: its last event was 2 and is 1 now. Services that followed it further will report DIVERGED",
  );
  const [{ movedAside, lastEventSequence }] = JSON.parse(restored.stdout);
  expect(lastEventSequence).toEqual({ before: 2, after: 1 });
  expect(movedAside).toHaveLength(1);
  expect(await keys()).toEqual(["cus_1"]);
  rmSync(database);
  writeFileSync(database, readFileSync(movedAside[0]));
  expect(await keys()).toEqual(["cus_1", "cus_2"]);
  expect(readdirSync(join(data, "customer")).filter((name) => name.includes("restoring"))).toEqual([]);
});

test("nothing is restored while a process has the database open", async () => {
  const { backups, open, keys, heddle } = await start();
  await heddle("backup", backups, "customer");
  const store = await open();
  const { code, stderr } = await heddle("restore", backups, "customer");
  await store.close();
  expect(code).toBe(1);
  expect(stderr).toMatch(/customer was not restored: .*customer\.db is open in another process/);
  expect(await keys()).toEqual(["cus_1"]);
});

test("a copy that is not what was backed up is refused before anything is changed", async () => {
  const { backups, publish, keys, heddle } = await start();
  await heddle("backup", backups, "customer");
  await publish("cus_2");
  const copy = join(backups, "customer.db");
  const bytes = readFileSync(copy);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(copy, bytes);
  expect((await heddle("restore", backups)).stderr).toContain("was changed since it was made");
  rmSync(join(backups, "customer.json"));
  expect((await heddle("restore", backups, "customer")).stderr).toContain("has no backup of customer");
  expect((await heddle("restore", backups)).stderr).toContain("has no backup of any service");
  expect(await keys()).toEqual(["cus_1", "cus_2"]);
});

test("a database that is damaged, or gone, is restored all the same", async () => {
  const { backups, database, keys, heddle } = await start();
  await heddle("backup", backups, "customer");
  writeFileSync(database, "not a database at all, and longer than its header would be".repeat(20));
  const damaged = await heddle("restore", backups, "--json");
  expect(damaged).toMatchObject({ code: 0 });
  // With the log and its index, which nobody can bring into a file that cannot be read.
  expect(JSON.parse(damaged.stdout)[0].movedAside.length).toBeGreaterThanOrEqual(1);
  expect(await keys()).toEqual(["cus_1"]);
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${database}${suffix}`, { force: true });
  expect((await heddle("restore", backups)).code).toBe(0);
  expect(existsSync(database)).toBe(true);
  expect(await keys()).toEqual(["cus_1"]);
});
