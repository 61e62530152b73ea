import { expect, onTestFinished, test } from "vitest";
import { migrations, noteById } from "./fixtures/notes.ts";
import { STATEMENTS_PER_CONNECTION_MAX } from "./limits.ts";
import { openTestStore } from "./open-test-store.ts";
import { type NoParams, type Params, type Statement, sql } from "./statement.ts";
import { isUniqueViolation } from "./unique-violation.ts";

const open = async () => {
  const store = await openTestStore(migrations);
  onTestFinished(() => store.close());
  return store;
};

const insert = sql<{ id: string; amount: bigint }>("INSERT INTO notes (id, text, amount) VALUES (:id, '', :amount)");

test("64-bit whole numbers come back as they were", async () => {
  const store = await open();
  const amounts = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 0n];
  await store.write(async (tx) => {
    for (const amount of amounts) await tx.run(insert, { id: String(amount), amount });
  });
  const all = sql<NoParams, { amount: bigint }>("SELECT amount FROM notes ORDER BY rowid", { bigints: true });
  const rows = await store.read((reader) => reader.all(all, {}));
  expect(rows.map((row) => row.amount)).toEqual(amounts);
});

test("bytes, text beyond ASCII and null come back as they were", async () => {
  const store = await open();
  const echo = sql<
    { blob: Uint8Array; text: string; missing: null },
    { blob: Uint8Array; text: string; missing: null }
  >("SELECT :blob AS blob, :text AS text, :missing AS missing");
  const values = { blob: Buffer.from([0, 255, 7]), text: "Zoë 🧵\u0000end", missing: null };
  expect(await store.read((reader) => reader.get(echo, values))).toEqual(values);
});

test.for([
  ["missing", {}, "Parameter :id is missing:\nSELECT text FROM notes"],
  ["undefined", { id: undefined }, "Parameter :id is undefined; bind null"],
  ["a boolean", { id: true }, "Parameter :id is true; bind 0 or 1"],
  ["not a number", { id: Number.NaN }, "Parameter :id is NaN"],
  ["a date", { id: new Date(0) }, "can only bind numbers, strings, bigints, buffers, and null:\nSELECT text"],
  ["too large", { id: 2n ** 64n }, "too big:\nSELECT text"],
] as const)("a parameter that is %s is refused by its name or its statement", async ([, params, message]) => {
  const store = await open();
  const statement = noteById as unknown as Statement<Params, unknown>;
  const read = store.read((reader) => reader.get(statement, params as unknown as Params));
  await expect(read).rejects.toThrow(TypeError);
  await expect(store.read((reader) => reader.get(statement, params as unknown as Params))).rejects.toThrow(message);
});

test("a statement that writes is refused in store.read", async () => {
  const store = await open();
  const remove = sql<NoParams>("DELETE FROM notes");
  await expect(store.read((reader) => reader.get(remove, {}))).rejects.toThrow("needs store.write, not store.read");
});

test("a job cannot end its own transaction", async () => {
  const store = await open();
  const commit = sql<NoParams>("COMMIT");
  await expect(store.write((tx) => tx.run(commit, {}))).rejects.toThrow("begun and ended by the store alone");
});

test("statements made anew for every call are noticed", async () => {
  const store = await open();
  const work = store.read(async (reader) => {
    for (let i = 0; i <= STATEMENTS_PER_CONNECTION_MAX; i++) await reader.get(sql<NoParams>(`SELECT ${i}`), {});
  });
  await expect(work).rejects.toThrow("declare each once, outside functions");
});

test("a row that exists is told by its columns, and the job may go on", async () => {
  const store = await open();
  await store.write(async (tx) => {
    await tx.run(insert, { id: "a", amount: 1n });
    const error = await tx.run(insert, { id: "a", amount: 1n }).catch((caught: unknown) => caught);
    expect(isUniqueViolation(error, "notes.id")).toBe(true);
    expect(isUniqueViolation(error, "notes.text")).toBe(false);
    expect(isUniqueViolation(new Error("UNIQUE constraint failed: notes.id"), "notes.id")).toBe(false);
  });
  expect(await store.read((reader) => reader.get(noteById, { id: "a" }))).toEqual({ text: "" });
});

test("a transaction that SQLite has undone by itself is not committed in part", async () => {
  const store = await open();
  const insertOrRollback = sql<{ id: string }>("INSERT OR ROLLBACK INTO notes (id, text) VALUES (:id, '')");
  const write = store.write(async (tx) => {
    await tx.run(insertOrRollback, { id: "a" });
    await tx.run(insertOrRollback, { id: "a" }).catch(() => undefined);
    await tx.run(insertOrRollback, { id: "b" }).catch(() => undefined);
  });
  await expect(write).rejects.toThrow("UNIQUE constraint failed: notes.id");
  expect(await store.read((reader) => reader.get(noteById, { id: "b" }))).toBeUndefined();
});
