import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { CustomerCreatedSchema } from "@heddle/contracts/customer/v1";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { type Runtime, systemRuntime } from "../runtime/index.ts";
import { insertNote, insertReply, migrations, noteById, noteIds } from "./fixtures/notes.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { WRITE_JOBS_WAITING_MAX } from "./limits.ts";
import { openStore } from "./open-store.ts";
import { openTestStore } from "./open-test-store.ts";
import type { Reader, Tx } from "./store.ts";

const open = async (runtime?: Runtime) => {
  const store = await openTestStore(migrations, runtime);
  onTestFinished(() => store.close());
  const ids = async () => (await store.read((reader) => reader.all(noteIds, {}))).map((note) => note.id);
  const write = (id: string) => store.write((tx) => tx.run(insertNote, { id, text: id }));
  return { store, ids, write };
};

test("a read sees what was acknowledged, and never what is not committed", async () => {
  const { store, ids, write } = await open();
  await write("a");
  let during: Promise<string[]> | undefined;
  // The read begins outside of the job, at a moment when the job has written and not committed.
  const peek = () => {
    during = ids();
  };
  let meet = () => {};
  const met = new Promise<void>((resolve) => {
    meet = resolve;
  }).then(peek);
  await store.write(async (tx) => {
    await tx.run(insertNote, { id: "b", text: "b" });
    meet();
    await tx.get(noteById, { id: "b" });
    await tx.get(noteById, { id: "b" });
  });
  await met;
  expect(await during).toEqual(["a"]);
  expect(await ids()).toEqual(["a", "b"]);
});

test("all reads of one job see the same moment, whatever another process commits meanwhile", async () => {
  const path = join(temporaryFolder(), "notes.db");
  const store = await openStore({ path, name: "notes", migrations, runtime: systemRuntime() });
  onTestFinished(() => store.close());
  const other = new Database(path);
  const seen = await store.read(async (reader) => {
    const before = await reader.all(noteIds, {});
    other.exec("INSERT INTO notes (id, text) VALUES ('a', '')");
    return { before, after: await reader.all(noteIds, {}) };
  });
  other.close();
  expect(seen).toEqual({ before: [], after: [] });
  // Nobody can hear of the other's commit before the next event.
  await new Promise((resolve) => setImmediate(resolve));
  expect(await store.read((reader) => reader.all(noteIds, {}))).toEqual([{ id: "a" }]);
});

test("a read sees what was committed before it, also when reads of the same event began earlier", async () => {
  const { ids, write } = await open();
  const earlier = Promise.all([ids(), ids(), ids(), ids(), ids(), ids()]);
  await write("a");
  expect(await ids()).toEqual(["a"]);
  for (const seen of await earlier) expect(seen).toEqual([]);
  const reads = Array.from({ length: 20 }, () => ids());
  const written = write("b").then(ids);
  expect(await written).toEqual(["a", "b"]);
  for (const seen of await Promise.all(reads)) expect(seen).toContain("a");
});

test("a read that fails leaves no snapshot behind", async () => {
  const { ids, write, store } = await open();
  await expect(
    store.read(async (reader) => {
      await reader.all(noteIds, {});
      throw new Error("no");
    }),
  ).rejects.toThrow("no");
  await write("a");
  expect(await ids()).toEqual(["a"]);
});

test("a job that throws is rolled back alone", async () => {
  const { store, ids, write } = await open();
  const results = await Promise.allSettled([
    write("a"),
    store.write(async (tx) => {
      await tx.run(insertNote, { id: "b", text: "b" });
      throw new Error("no");
    }),
    write("c"),
  ]);
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await ids()).toEqual(["a", "c"]);
});

test("jobs run in the order in which they came", async () => {
  const { ids, write } = await open();
  await Promise.all(["a", "b", "c", "d"].map(write));
  expect(await ids()).toEqual(["a", "b", "c", "d"]);
});

test("a job that awaits something else is rolled back, and the next one runs", async () => {
  const { store, ids, write } = await open();
  const slow = store.write(async (tx) => {
    await tx.run(insertNote, { id: "slow", text: "" });
    await readFile(new URL(import.meta.url));
    await tx.run(insertNote, { id: "slower", text: "" });
  });
  await expect(slow).rejects.toThrow(
    "background work: the job of store.write awaited something else than its transaction",
  );
  await write("next");
  expect(await ids()).toEqual(["next"]);
});

test("a read that awaits something else is rejected, and its connection serves again", async () => {
  const { store, ids } = await open();
  for (let i = 0; i < 10; i++) {
    const slow = store.read(() => readFile(new URL(import.meta.url)));
    await expect(slow).rejects.toThrow("the job of store.read awaited something else");
  }
  expect(await ids()).toEqual([]);
});

test("a transaction that is used after its end says so", async () => {
  const { store } = await open();
  let kept: Tx | undefined;
  let keptReader: Reader | undefined;
  await store.write(async (tx) => {
    kept = tx;
  });
  await store.read(async (reader) => {
    keptReader = reader;
  });
  await expect(kept?.run(insertNote, { id: "late", text: "" })).rejects.toThrow(
    "the transaction of store.write has ended",
  );
  await expect(kept?.publish(CustomerCreatedSchema, {})).rejects.toThrow("the transaction of store.write has ended");
  await expect(keptReader?.get(noteById, { id: "late" })).rejects.toThrow("the transaction of store.read has ended");
});

test("a job inside a job is refused instead of waiting for itself", async () => {
  const { store, ids, write } = await open();
  await expect(store.write(async () => write("inner"))).rejects.toThrow(
    "store.write inside a job of store.write. Use the tx",
  );
  await expect(store.write(async () => ids())).rejects.toThrow("store.read inside a job of store.write");
  await expect(store.read(async () => write("inner"))).rejects.toThrow(
    "store.write inside a job of store.read. Use the reader",
  );
  expect(await ids()).toEqual([]);
});

test("work that a job started may use the store once the job is over", async () => {
  const { store, ids, write } = await open();
  let go = () => {};
  let later: Promise<unknown> | undefined;
  await store.write(async () => {
    later = new Promise<void>((resolve) => {
      go = resolve;
    }).then(() => write("after"));
  });
  go();
  await later;
  expect(await ids()).toEqual(["after"]);
});

test("many reads at once share few connections", async () => {
  const { store, write } = await open();
  await write("a");
  const reads = Array.from({ length: 200 }, () => store.read((reader) => reader.get(noteById, { id: "a" })));
  expect(new Set((await Promise.all(reads)).map((note) => note?.text))).toEqual(new Set(["a"]));
});

test("more jobs than may wait are refused, and may be tried again", async () => {
  const { ids, write } = await open();
  const writes = Array.from({ length: WRITE_JOBS_WAITING_MAX + 1 }, (_, i) => write(String(i)));
  const refused = (await Promise.allSettled(writes)).filter((result) => result.status === "rejected");
  expect(refused).toHaveLength(1);
  const error = ConnectError.from(refused[0]?.reason);
  expect(error.code).toBe(Code.ResourceExhausted);
  expect(error.details.map((detail) => "desc" in detail && detail.desc.name)).toEqual(["ErrorInfo", "RetryInfo"]);
  expect(await ids()).toHaveLength(WRITE_JOBS_WAITING_MAX);
});

test("a reference that is checked at the commit fails its own job only", async () => {
  const { store, ids, write } = await open();
  await expect(store.write((tx) => tx.run(insertReply, { noteId: "nobody" }))).rejects.toThrow("FOREIGN KEY");
  await write("next");
  expect(await ids()).toEqual(["next"]);
});

test("close waits for the jobs that it finds, refuses later ones, and may be called again", async () => {
  const { store, write } = await open();
  const found = [write("a"), write("b"), store.read((reader) => reader.all(noteIds, {}))];
  const closed = store.close();
  await expect(write("late")).rejects.toMatchObject({ code: Code.Unavailable });
  await closed;
  expect((await Promise.allSettled(found)).map((result) => result.status)).toEqual([
    "fulfilled",
    "fulfilled",
    "fulfilled",
  ]);
  await store.close();
});
