import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { insertNote } from "../store/fixtures/notes.ts";
import { expectFailure } from "../testing/index.ts";
import { replicaSet } from "./fixtures/start-replicas.ts";

test("the first holds every lease at once, and writes nothing more while it is alone", async () => {
  const set = replicaSet();
  const { works, store, replicas } = await set.start("a", ["sagas", "sweep"]);
  expect([...works]).toEqual(["sagas", "sweep"]);
  const [{ file }] = (await store.read((reader) =>
    reader.all({ text: "SELECT file FROM pragma_database_list", bigints: false }, {}),
  )) as [{ file: string }];
  const other = new Database(file, { readonly: true });
  onTestFinished(() => void other.close());
  const version = () => other.pragma("data_version", { simple: true });
  const [before, beats] = [version(), set.beats.get("a")];
  await set.pass(5_000);
  expect(version()).toBe(before);
  expect(set.beats.get("a")).toBe(beats);
  expect(replicas.sure()).toBe(true);
});

test("the second stands by, and takes over at once what the first hands over", async () => {
  const set = replicaSet();
  const first = await set.start("a");
  const second = await set.start("b");
  await set.pass(5_000);
  expect([...first.works, ...second.works]).toEqual(["work"]);
  expect(await second.replicas.holderOf("work")).toEqual({ at: "other", address: "127.0.0.1:1" });
  expect(await first.replicas.holderOf("work")).toEqual({ at: "here" });
  await first.replicas.release();
  expect([...first.works]).toEqual([]);
  await set.pass(160);
  expect([...second.works]).toEqual(["work"]);
});

test("a store that takes no write now keeps no replica from its drain, and the leases are free when it has left", async () => {
  const set = replicaSet();
  const first = await set.start("a");
  const second = await set.start("b");
  await set.pass(2_000);
  first.failWrites(1);
  await first.replicas.release();
  expect([...first.works]).toEqual([]);
  await first.replicas.leave();
  await set.pass(160);
  expect([...second.works]).toEqual(["work"]);
});

test("what a replica ran that gives no sign of life goes on elsewhere within a second, and its writes are refused", async () => {
  const set = replicaSet();
  const first = await set.start("a");
  const second = await set.start("b");
  const gone: string[] = [];
  second.replicas.onGone(async (_, id) => void gone.push(id));
  await set.pass(2_000);
  const [lease] = first.leases;
  await lease?.store.write((tx) => tx.run(insertNote, { id: "mine", text: "" }));
  first.pause();
  await set.pass(1_000);
  expect([...second.works]).toEqual(["work"]);
  expect(gone).toEqual(["a"]);
  // The process that was stopped wakes up in the middle of its work.
  expect(first.replicas.sure()).toBe(false);
  const late = lease?.store.write((tx) => tx.run(insertNote, { id: "late", text: "" }));
  expect(await expectFailure(late ?? Promise.resolve())).toMatchObject({ code: "Unavailable", reason: "LEASE_LOST" });
  first.resume();
  await set.pass(500);
  expect([...first.works]).toEqual([]);
  expect(first.replicas.sure()).toBe(true);
  // It belongs to the others again, and stands by.
  second.pause();
  await set.pass(1_500);
  expect([...first.works]).toEqual(["work"]);
});

test("a replica that leaves is known to be gone at once", async () => {
  const set = replicaSet();
  const first = await set.start("a");
  const second = await set.start("b");
  await set.pass(300);
  await first.replicas.leave();
  await set.pass(160);
  expect([...second.works]).toEqual(["work"]);
  expect(set.beats.has("a")).toBe(false);
});

test("a lease that is asked for twice is a mistake", async () => {
  const { replicas } = await replicaSet().start("a");
  expect(() => replicas.hold("work", () => ({ stop: async () => undefined }))).toThrow("asked for twice");
});

test("whoever is stopped when, no two replicas that are sure of it work under one lease", async () => {
  // xorshift: a run that fails can be run again.
  let state = 20261121;
  const below = (max: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % max;
  };
  const set = replicaSet();
  const all = [await set.start("a"), await set.start("b"), await set.start("c")];
  let changes = 0;
  let before = "";
  for (let step = 0; step < 400; step++) {
    const each = all[below(all.length)];
    if (below(10) === 0) each?.pause();
    else if (below(20) === 0) for (const one of all) one.resume();
    await set.pass(10 * (1 + below(12)));
    const working = all.filter(({ works, replicas }) => works.has("work") && replicas.sure());
    expect(working.length).toBeLessThanOrEqual(1);
    const holder = working[0]?.replicas.instanceId ?? before;
    if (holder !== before) changes += 1;
    before = holder;
  }
  expect(changes).toBeGreaterThan(3);
  for (const one of all) one.resume();
  await set.pass(1_500);
  expect(all.flatMap(({ works }) => [...works])).toEqual(["work"]);
});
