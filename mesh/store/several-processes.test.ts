import { join } from "node:path";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { CustomerCreatedSchema, CustomerService } from "@heddle/contracts/customer/v1";
import Database from "better-sqlite3";
import { expect, onTestFinished, test, vi } from "vitest";
import { ANONYMOUS } from "../identity/index.ts";
import { AlreadyApplied, type Replay, runInCall } from "../rpc/call.ts";
import { systemRuntime } from "../runtime/index.ts";
import { eventsAfter } from "./events.ts";
import { diskInHand } from "./fixtures/disk-in-hand.ts";
import { insertNote, migrations, noteIds } from "./fixtures/notes.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { openStore, openStoreOn } from "./open-store.ts";
import type { SqliteStore } from "./sqlite-store.ts";

const METHOD = CustomerService.method.createCustomer;

/** Two stores on one file, as two processes have them; the disk of the first is in the test's hand. */
const openTwo = async () => {
  const disk = diskInHand();
  const options = { path: join(temporaryFolder(), "notes.db"), name: "notes", migrations, runtime: systemRuntime() };
  const store = await openStoreOn(disk.openWal, options);
  onTestFinished(() => store.close());
  const other = await openStore(options);
  onTestFinished(() => other.close());
  await other.write((tx) => tx.run(insertNote, { id: "first", text: "" }));
  expect(await idsOf(store)).toEqual(["first"]);
  return { store, other, disk, path: options.path };
};

const idsOf = async (store: SqliteStore) => (await store.read((reader) => reader.all(noteIds, {}))).map(({ id }) => id);
const write = (store: SqliteStore, id: string) => store.write((tx) => tx.run(insertNote, { id, text: "" }));

/** Whether a promise has settled by now, and all that could settle without the disk. */
const settledSoon = async (promise: Promise<unknown>): Promise<boolean> => {
  let settled = false;
  const done = () => {
    settled = true;
  };
  promise.then(done, done);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
};

const createCustomer = (store: SqliteStore, id: string, requestId: string) => {
  const replay: Replay = {
    requestId,
    requestHash: Buffer.from("hash"),
    encodeReply: (reply) =>
      toBinary(METHOD.output, create(METHOD.output, reply as MessageInitShape<typeof METHOD.output>)),
    recorded: false,
  };
  const call = {
    method: METHOD,
    traceparent: "",
    deadlineMs: undefined,
    signal: new AbortController().signal,
    aborted: false,
    peer: "test",
    replay,
    forwarded: [],
    caller: ANONYMOUS,
    onEnd: () => () => undefined,
  };
  return runInCall(call, () =>
    store.write(async (tx) => {
      await tx.run(insertNote, { id, text: "" });
      return { customer: { id } };
    }),
  );
};

test("a read that sees another process's commit is answered after a sync, which reads of the time share", async () => {
  const { store, other, disk } = await openTwo();
  await write(other, "second");
  disk.hold();
  const before = disk.syncs;
  const reads = [idsOf(store), idsOf(store)];
  await disk.syncing();
  expect(await settledSoon(Promise.race(reads))).toBe(false);
  disk.finish();
  expect(await Promise.all(reads)).toEqual([
    ["first", "second"],
    ["first", "second"],
  ]);
  expect(disk.syncs - before).toBe(1);
  // Known to be on the disk from here on.
  expect(await idsOf(store)).toHaveLength(2);
  expect(disk.syncs - before).toBe(1);
});

test("reads after the process's own commits alone wait for no sync", async () => {
  const { store, disk } = await openTwo();
  await write(store, "own");
  const before = disk.syncs;
  disk.hold();
  expect(await idsOf(store)).toEqual(["first", "own"]);
  expect(disk.syncs).toBe(before);
});

test("what another process has acknowledged is read at once here, also while a commit of this one is being synced", async () => {
  const { store, other, disk } = await openTwo();
  disk.hold();
  const own = write(store, "own");
  await disk.syncing();
  // Reads of this moment are held before the own commit, and wait for nothing.
  expect(await idsOf(store)).toEqual(["first"]);
  await write(other, "acknowledged");
  const reads = [idsOf(store), idsOf(store), idsOf(store)];
  expect(await settledSoon(Promise.race(reads))).toBe(false);
  disk.finish();
  await own;
  await disk.syncing();
  disk.finish();
  for (const ids of await Promise.all(reads)) expect(ids).toEqual(["first", "own", "acknowledged"]);
});

test("a read whose sync fails is refused, and so is everything after it", async () => {
  const { store, other, disk } = await openTwo();
  await write(other, "second");
  disk.hold();
  const read = idsOf(store);
  await disk.syncing();
  disk.finish(new Error("EIO"));
  await expect(read).rejects.toThrow(/failed to commit/);
  await expect(idsOf(store)).rejects.toThrow(/takes no jobs/);
});

test("a request id that another process has applied takes no effect, and its answer waits for the disk", async () => {
  const { store, other, disk } = await openTwo();
  await createCustomer(other, "a", "r1");
  disk.hold();
  const second = createCustomer(store, "b", "r1");
  await disk.syncing();
  expect(await settledSoon(second)).toBe(false);
  disk.finish();
  await expect(second).rejects.toThrow(AlreadyApplied);
  expect(await idsOf(other)).toEqual(["first", "a"]);
});

test("the same request id at two processes at once takes effect once", async () => {
  const { store, other } = await openTwo();
  for (let round = 0; round < 20; round++) {
    const both = await Promise.allSettled([
      createCustomer(store, `a${round}`, `r${round}`),
      createCustomer(other, `b${round}`, `r${round}`),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  }
  expect(await idsOf(store)).toHaveLength(21);
});

test("while another process holds the write lock the event loop goes on, and the write follows as soon as it is free", async () => {
  const { store, path } = await openTwo();
  const holder = new Database(path);
  onTestFinished(() => void holder.close());
  holder.exec("BEGIN IMMEDIATE");
  const written = write(store, "later");
  expect(await settledSoon(written)).toBe(false);
  expect(await idsOf(store)).toEqual(["first"]);
  holder.exec("COMMIT");
  await written;
  expect(await idsOf(store)).toEqual(["first", "later"]);
});

test("processes that write without a pause get their turns", async () => {
  const { store, other } = await openTwo();
  store.share(true);
  other.share(true);
  let going = true;
  const hammer = async (caller: number) => {
    for (let count = 0; going; count++) await write(store, `${caller}-${count}`);
  };
  const hammers = Array.from({ length: 64 }, (_, caller) => hammer(caller));
  for (let count = 0; count < 50; count++) await write(other, `other-${count}`);
  going = false;
  await Promise.all(hammers);
  expect((await idsOf(store)).filter((id) => id.startsWith("other-"))).toHaveLength(50);
});

test("events of several processes are one feed, in the order of their commits and without gaps", async () => {
  const { store, other } = await openTwo();
  const committed: string[] = [];
  const publish = (from: SqliteStore, id: string) =>
    from
      .write(async (tx) => {
        await tx.run(insertNote, { id, text: "" });
        await tx.publish(CustomerCreatedSchema, { customer: { id: `cus_${id}` } });
      })
      .then(() => committed.push(`cus_${id}`));
  for (let round = 0; round < 10; round++) {
    await Promise.all([
      publish(store, `s${round}a`),
      publish(other, `o${round}a`),
      publish(store, `s${round}b`),
      publish(other, `o${round}b`),
    ]);
  }
  const events = await store.read((reader) => eventsAfter(reader, 0n));
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => BigInt(index + 1)));
  expect(events.map(({ key }) => key).sort()).toEqual(committed.sort());
  // What was acknowledged in an earlier round comes before what was asked for later.
  const roundOf = events.map(({ key }) => Number(/\d+/.exec(key)?.[0]));
  expect(roundOf).toEqual(roundOf.toSorted((a, b) => a - b));
});

test("listeners are told of another process's commit while the file is shared, and not after", async () => {
  const { store, other, disk } = await openTwo();
  let told = 0;
  store.onEvents(() => {
    told += 1;
  });
  store.share(true);
  await vi.waitFor(() => expect(told).toBeGreaterThan(0));
  const before = told;
  await write(other, "second");
  disk.written();
  await vi.waitFor(() => expect(told).toBe(before + 1));
  disk.written();
  store.share(false);
  await write(other, "third");
  disk.written();
  await settledSoon(Promise.resolve());
  expect(told).toBe(before + 1);
});

test("listeners on a real file are told without being asked", async () => {
  const options = { path: join(temporaryFolder(), "notes.db"), name: "notes", migrations, runtime: systemRuntime() };
  const store = await openStore(options);
  onTestFinished(() => store.close());
  const other = await openStore(options);
  onTestFinished(() => other.close());
  store.share(true);
  for (let count = 0; count < 20; count++) {
    const told = new Promise<void>((resolve) => store.onEvents(resolve));
    await write(other, `n${count}`);
    await told;
  }
});
