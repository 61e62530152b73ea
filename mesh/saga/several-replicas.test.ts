import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../observe/index.ts";
import { systemRuntime } from "../runtime/index.ts";
import { openTestStore } from "../store/index.ts";
import { defineSaga } from "./define-saga.ts";
import { freshFolder, startShop } from "./fixtures/start-shop.ts";
import { SagaRun } from "./runner.ts";
import { newSaga, type SagaRecord } from "./saga-record.ts";
import { sagaStore } from "./store.ts";

const MIGRATIONS = new URL("../store/fixtures/migrations/", import.meta.url);

/** A saga of two actions, of which the first ends when the test says. */
const twoActions = () => {
  const did: string[] = [];
  const first = Promise.withResolvers<void>();
  const definition = defineSaga<{ readonly text: string }>({
    name: "two",
    version: 1,
    timeoutMs: 600_000,
    steps: [
      {
        name: "first",
        action: async () => {
          did.push("first");
          await first.promise;
        },
        compensation: { name: "undo", run: async () => void did.push("undo") },
      },
      { name: "second", action: async () => void did.push("second") },
      { name: "note", commit: async () => void did.push("note") },
    ],
  });
  return { did, first, definition };
};

/** A saga that instance `a` runs, as its row says, and its run. */
const running = async (sure: () => boolean) => {
  const store = await openTestStore(MIGRATIONS);
  onTestFinished(() => store.close());
  const runtime = systemRuntime();
  const log = createLog({ service: "t", level: "silent", clock: runtime.clock, destination: { write() {} } });
  const { did, first, definition } = twoActions();
  const nowMs = runtime.clock.nowMs();
  const begun = { id: "sag_1", key: "k", state: { text: "" }, traceparent: "", runner: "a", nowMs, dueMs: nowMs };
  const record: SagaRecord = newSaga(definition, begun);
  await store.write((tx) => sagaStore.insert(tx, record));
  const replicas = { instanceId: "a", sure };
  const deps = { ...runtime, store, log, replicas, stop: new AbortController().signal };
  const run = new SagaRun(record, definition, deps, () => true);
  /** What the others do when `a` gives no sign of life. */
  const takenForGone = () => store.write((tx) => sagaStore.releaseRunner(tx, "a", runtime.clock.nowMs()));
  const row = () => store.read((reader) => sagaStore.find(reader, "sag_1"));
  return { run, did, first, takenForGone, row };
};

test("a process that was stopped, taken for gone and woken does no further step of its sagas", async () => {
  let isSure = true;
  const { run, did, first, takenForGone, row } = await running(() => isSure);
  const ended = run.run();
  await expect.poll(() => did).toEqual(["first"]);
  await takenForGone();
  expect(await row()).toMatchObject({ runner: "", endMs: undefined });
  isSure = false;
  first.resolve();
  expect(await ended).toBe(false);
  expect(did).toEqual(["first"]);
});

test("one that is not sure, and has not been missed, asks its row and goes on", async () => {
  const { run, did, first, row } = await running(() => false);
  first.resolve();
  await run.run();
  expect(did).toEqual(["first", "second", "note"]);
  expect(await row()).toMatchObject({ runner: "", revision: 4 });
});

test("a saga that another replica runs is waited for, and not taken from it", async () => {
  const dataFolder = freshFolder();
  const one = twoActions();
  const first = await startShop([one.definition], { dataFolder });
  const started = await first.store.write((tx) =>
    first.sagas.start(tx, one.definition, { key: "key", state: { text: "" } }),
  );
  const result = first.sagas.run(started, { timeoutMs: 60_000 });
  await expect.poll(() => one.did).toEqual(["first"]);

  const other = twoActions();
  const second = await startShop([other.definition], { dataFolder });
  const found = await second.store.read((reader) => second.sagas.findLive(reader, other.definition, "key"));
  if (found === undefined) throw new Error("the saga is not there");
  const waited = second.sagas.run(found, { timeoutMs: 60_000 });
  await second.pass(500);
  expect(other.did).toEqual([]);
  one.first.resolve();
  expect((await result).status).toBe("completed");
  await second.pass(2_000);
  expect((await waited).status).toBe("completed");
  expect(other.did).toEqual([]);
});
