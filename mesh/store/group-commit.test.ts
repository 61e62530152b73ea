import { join } from "node:path";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { CustomerCreatedSchema, CustomerService } from "@heddle/contracts/customer/v1";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { ANONYMOUS } from "../identity/index.ts";
import { AlreadyApplied, type Replay, runInCall } from "../rpc/call.ts";
import { type Runtime, systemRuntime } from "../runtime/index.ts";
import { eventsAfter } from "./events.ts";
import { diskInHand } from "./fixtures/disk-in-hand.ts";
import { insertNote, insertReply, migrations, noteById, noteIds } from "./fixtures/notes.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { JOBS_PER_BATCH_MAX, WRITE_WAIT_MS_MAX } from "./limits.ts";
import { openStoreOn } from "./open-store.ts";
import { type NoParams, sql } from "./statement.ts";

const open = async (runtime: Runtime = systemRuntime()) => {
  const disk = diskInHand();
  const path = join(temporaryFolder(), "notes.db");
  const fatal: unknown[] = [];
  const store = await openStoreOn(disk.openWal, {
    path,
    name: "notes",
    migrations,
    runtime,
    onFatal: (error) => fatal.push(error),
  });
  onTestFinished(() => store.close());
  const ids = async () => (await store.read((reader) => reader.all(noteIds, {}))).map((note) => note.id);
  const write = (id: string) => store.write((tx) => tx.run(insertNote, { id, text: id }));
  return { store, disk, path, fatal, ids, write };
};

/** What has settled so far, in order. */
const settling = (promises: readonly Promise<unknown>[]): string[] => {
  const settled: string[] = [];
  promises.forEach((promise, index) => {
    promise.then(
      () => settled.push(`${index} kept`),
      () => settled.push(`${index} refused`),
    );
  });
  return settled;
};

const turn = () => new Promise((resolve) => setImmediate(resolve));
const turns = async () => {
  for (let count = 0; count < 5; count++) await turn();
};

describe("a batch", () => {
  test("is all that came in one turn: one transaction, one sync, answers in order after it", async () => {
    const { disk, write, path } = await open();
    disk.hold();
    const before = disk.syncs;
    const writes = ["a", "b", "c"].map(write);
    const settled = settling(writes);
    await disk.syncing();
    await turns();
    expect(settled).toEqual([]);
    const other = new Database(path, { readonly: true });
    expect(other.prepare("SELECT count(*) FROM notes").pluck().get()).toBe(3);
    other.close();
    disk.finish();
    await Promise.all(writes);
    expect(settled).toEqual(["0 kept", "1 kept", "2 kept"]);
    expect(disk.syncs - before).toBe(1);
  });

  test("collects while the one before it syncs", async () => {
    const { disk, write, ids } = await open();
    disk.hold();
    const first = write("a");
    await disk.syncing();
    const later = [write("b"), write("c")];
    await turns();
    disk.finish();
    await first;
    expect(await ids()).toEqual(["a"]);
    await disk.syncing();
    disk.finish();
    await Promise.all(later);
    expect(await ids()).toEqual(["a", "b", "c"]);
  });

  test("answers a job that failed after the sync too: it may have failed for what an earlier job wrote", async () => {
    const { disk, write, ids } = await open();
    disk.hold();
    const writes = [write("a"), write("a"), write("b")];
    const settled = settling(writes);
    await disk.syncing();
    await turns();
    expect(settled).toEqual([]);
    disk.finish();
    await Promise.allSettled(writes);
    expect(settled).toEqual(["0 kept", "1 refused", "2 kept"]);
    expect(await ids()).toEqual(["a", "b"]);
  });

  test("of which nothing is kept is not synced", async () => {
    const { store, disk } = await open();
    const before = disk.syncs;
    await expect(store.write(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(disk.syncs).toBe(before);
  });

  test("runs its jobs once where one fails before it has written, or by the one statement that writes", async () => {
    const { store, write, ids } = await open();
    let runs = 0;
    const results = await Promise.allSettled([
      store.write((tx) => {
        runs++;
        return tx.run(insertNote, { id: "a", text: "a" });
      }),
      store.write(() => Promise.reject(new Error("no"))),
      write("a"),
      write("b"),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect(await ids()).toEqual(["a", "b"]);
    expect(runs).toBe(1);
  });

  test("is run again, once, where one fails after it has written; those that follow are not", async () => {
    const { store, disk, ids } = await open();
    const runs: string[] = [];
    const job = (id: string, fails: boolean) =>
      store.write(async (tx) => {
        runs.push(id);
        await tx.run(insertNote, { id, text: id });
        if (fails) throw new Error("no");
      });
    const before = disk.syncs;
    await Promise.allSettled([job("a", false), job("b", true), job("c", false)]);
    expect(runs).toEqual(["a", "b", "a", "b", "c"]);
    await Promise.allSettled([job("d", false), job("e", true), job("f", false)]);
    expect(runs.slice(5)).toEqual(["d", "e", "f"]);
    expect(await ids()).toEqual(["a", "c", "d", "f"]);
    expect(disk.syncs - before).toBe(2);
  });

  test("undoes what a statement keeps that fails in its middle", async () => {
    const { store, write, ids } = await open();
    const some = sql<NoParams>(
      "INSERT OR FAIL INTO notes (id, text) SELECT value, 'x' FROM json_each('[\"c\", \"a\"]')",
    );
    const results = await Promise.allSettled([write("a"), store.write((tx) => tx.run(some, {})), write("b")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await ids()).toEqual(["a", "b"]);
  });

  test("undoes all of a job that fails, and nothing else", async () => {
    const { store, write, ids } = await open();
    const results = await Promise.allSettled([
      write("a"),
      store.write(async (tx) => {
        await tx.run(insertNote, { id: "b", text: "" });
        expect(await tx.get(noteById, { id: "a" })).toEqual({ text: "a" });
        throw new Error("no");
      }),
      store.write(async (tx) => {
        expect(await tx.get(noteById, { id: "b" })).toBeUndefined();
        await tx.run(insertNote, { id: "c", text: "" });
      }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await ids()).toEqual(["a", "c"]);
  });

  test("goes on without a job that waits for something else, which is undone and named", async () => {
    const { store, write, ids } = await open();
    const slow = () =>
      store.write(async (tx) => {
        await tx.run(insertNote, { id: "slow", text: "" });
        await turn();
        await tx.run(insertNote, { id: "slower", text: "" });
      });
    const results = await Promise.allSettled([write("a"), slow(), write("b"), slow(), write("c")]);
    const refused = results.flatMap((result) =>
      result.status === "rejected" ? [(result.reason as Error).message] : [],
    );
    expect(refused).toHaveLength(2);
    for (const message of refused) expect(message).toContain("awaited something else than its transaction");
    expect(await ids()).toEqual(["a", "b", "c"]);
  });

  test("larger than may be is several", async () => {
    const { disk, write, ids } = await open();
    const before = disk.syncs;
    await Promise.all(Array.from({ length: JOBS_PER_BATCH_MAX + 1 }, (_, i) => write(String(i))));
    expect(disk.syncs - before).toBe(2);
    expect(await ids()).toHaveLength(JOBS_PER_BATCH_MAX + 1);
  });

  test("belongs to no call: a listener runs for whoever asked for it", async () => {
    const { store } = await open();
    let told = 0;
    const end = store.onEvents(() => told++);
    const publish = (id: string) => store.write((tx) => tx.publish(CustomerCreatedSchema, { customer: { id } }));
    await Promise.all(["cus_1", "cus_2"].map(publish));
    expect(told).toBe(1);
    await store.write((tx) => tx.run(insertNote, { id: "a", text: "" }));
    expect(told).toBe(1);
    end();
    await publish("cus_3");
    expect(told).toBe(1);
  });
});

describe("events", () => {
  test("are told of once they are on the disk, not before", async () => {
    const { store, disk } = await open();
    disk.hold();
    let told = 0;
    store.onEvents(() => told++);
    const published = store.write((tx) => tx.publish(CustomerCreatedSchema, { customer: { id: "cus_1" } }));
    await disk.syncing();
    await turns();
    expect(told).toBe(0);
    disk.finish();
    await published;
    expect(told).toBe(1);
  });

  test("are numbered in the order of commits without a hole, whatever fails between them", async () => {
    const { store } = await open();
    const publish = (id: string, then: () => void = () => {}) =>
      store.write(async (tx) => {
        await tx.publish(CustomerCreatedSchema, { customer: { id } });
        await tx.publish(CustomerCreatedSchema, { customer: { id } });
        then();
      });
    const no = () => {
      throw new Error("no");
    };
    const dangling = () =>
      store.write(async (tx) => {
        await tx.publish(CustomerCreatedSchema, { customer: { id: "cus_x" } });
        await tx.run(insertReply, { noteId: "nobody" });
      });
    await Promise.allSettled([publish("a"), publish("x", no), publish("b"), publish("x", no)]);
    await Promise.allSettled([publish("x", no)]);
    await Promise.allSettled([publish("c"), dangling(), publish("d")]);
    const events = await store.read((reader) => eventsAfter(reader, 0n));
    expect(events.map(({ sequence, key }) => `${sequence} ${key}`)).toEqual(
      ["a", "a", "b", "b", "c", "c", "d", "d"].map((key, index) => `${index + 1} ${key}`),
    );
  });
});

describe("a read", () => {
  test("during a sync sees what is on the disk, and after it what was acknowledged", async () => {
    const { disk, write, ids } = await open();
    await write("a");
    disk.hold();
    const written = write("b");
    await disk.syncing();
    for (let count = 0; count < 3; count++) {
      expect(await ids()).toEqual(["a"]);
      await turn();
    }
    disk.finish();
    await written;
    expect(await ids()).toEqual(["a", "b"]);
  });

  test("that has begun and not read yet does not see a commit that comes in between", async () => {
    const { store, disk } = await open();
    disk.hold();
    let begin = () => {};
    const seen = new Promise<void>((resolve) => {
      begin = resolve;
    }).then(() =>
      store.read(async (reader) => {
        // In the same turn, when the batch has committed.
        await disk.syncing();
        return reader.all(noteIds, {});
      }),
    );
    const written = store.write(async (tx) => {
      await tx.run(insertNote, { id: "a", text: "" });
      begin();
      for (let count = 0; count < 5; count++) await tx.get(noteById, { id: "a" });
    });
    expect(await seen).toEqual([]);
    disk.finish();
    await written;
  });

  test("that fails during a sync moves nobody to what is not on the disk", async () => {
    const { store, disk, write, ids } = await open();
    disk.hold();
    const written = write("a");
    await disk.syncing();
    const overflow = sql<NoParams, { n: number }>("SELECT abs(-9223372036854775807 - 1) AS n");
    await expect(store.read((reader) => reader.get(overflow, {}))).rejects.toThrow("integer overflow");
    await expect(store.read(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await turns();
    expect(await ids()).toEqual([]);
    disk.finish();
    await written;
    expect(await ids()).toEqual(["a"]);
  });
});

describe("what fails at the commit", () => {
  test("for a reference of one job fails that job alone", async () => {
    const { store, write, ids, fatal } = await open();
    const dangling = () => store.write((tx) => tx.run(insertReply, { noteId: "nobody" }));
    const results = await Promise.allSettled([write("a"), dangling(), write("b"), dangling(), write("a")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected", "rejected"]);
    expect(await ids()).toEqual(["a", "b"]);
    expect(fatal).toEqual([]);
  });
});

describe("a sync that fails", () => {
  const broken = async (): Promise<Awaited<ReturnType<typeof open>> & { results: PromiseSettledResult<unknown>[] }> => {
    const opened = await open();
    const { disk, write, store } = opened;
    disk.hold();
    const jobs = [write("a"), store.write(() => Promise.reject(new Error("no")))];
    await disk.syncing();
    const waiting = write("later");
    disk.finish(new Error("EIO"));
    return { ...opened, results: await Promise.allSettled([...jobs, waiting]) };
  };

  test("fails its batch and all that waits, and is told of once", async () => {
    const { results, fatal, write } = await broken();
    const codes = results.map((result) => result.status === "rejected" && (result.reason as { code: Code }).code);
    expect(codes).toEqual([Code.Internal, Code.Internal, Code.Unavailable]);
    await expect(write("b")).rejects.toMatchObject({ code: Code.Unavailable });
    expect(fatal).toEqual([new Error("EIO")]);
  });

  test("leaves nothing to be read that may not be on the disk", async () => {
    const { ids } = await broken();
    await expect(ids()).rejects.toMatchObject({ code: Code.Unavailable });
  });
});

describe("a request id", () => {
  const output = CustomerService.method.createCustomer.output;
  const inCall = <T>(replay: Replay, work: () => Promise<T>): Promise<T> =>
    runInCall(
      {
        method: CustomerService.method.createCustomer,
        traceparent: "",
        deadlineMs: undefined,
        signal: new AbortController().signal,
        aborted: false,
        peer: "test",
        replay,
        forwarded: [],
        caller: ANONYMOUS,
        onEnd: () => () => undefined,
      },
      work,
    );
  const replay = (requestId: string): Replay => ({
    requestId,
    requestHash: Buffer.from("hash"),
    encodeReply: (reply) => toBinary(output, create(output, reply as MessageInitShape<typeof output>)),
    recorded: false,
  });
  const createCustomer = ({ store }: { store: Awaited<ReturnType<typeof open>>["store"] }, id: string) =>
    store.write(async (tx) => {
      await tx.run(insertNote, { id, text: "" });
      return { customer: { id } };
    });

  test("takes effect once in a batch, and its second call is answered after the sync", async () => {
    const opened = await open();
    const { disk, ids } = opened;
    disk.hold();
    const calls = [
      inCall(replay("r1"), () => createCustomer(opened, "a")),
      inCall(replay("r1"), () => createCustomer(opened, "b")),
      inCall(replay("r2"), () => createCustomer(opened, "c")),
    ];
    const settled = settling(calls);
    await disk.syncing();
    await turns();
    expect(settled).toEqual([]);
    disk.finish();
    const results = await Promise.allSettled(calls);
    expect(results[1]).toMatchObject({ reason: expect.any(AlreadyApplied) });
    expect(await ids()).toEqual(["a", "c"]);
  });

  test("is found by nobody before it is on the disk", async () => {
    const opened = await open();
    const { disk, store } = opened;
    const find = () => store.findReply("customer.v1.CustomerService/CreateCustomer", "r1");
    disk.hold();
    const call = inCall(replay("r1"), () => createCustomer(opened, "a"));
    await disk.syncing();
    expect(await find()).toBeUndefined();
    disk.finish();
    await call;
    expect(await find()).toBeDefined();
  });
});

test("jobs are refused while the oldest has waited for too long, and taken again after it", async () => {
  const system = systemRuntime();
  let nowMs = 0;
  const { disk, write, ids } = await open({ ...system, clock: { ...system.clock, monotonicMs: () => nowMs } });
  disk.hold();
  const first = write("a");
  await disk.syncing();
  const waiting = write("b");
  nowMs += WRITE_WAIT_MS_MAX;
  const still = write("c");
  nowMs += 1;
  await expect(write("d")).rejects.toMatchObject({ code: Code.ResourceExhausted });
  disk.finish();
  await first;
  await disk.syncing();
  const again = write("e");
  disk.finish();
  await Promise.all([waiting, still]);
  await disk.syncing();
  disk.finish();
  await again;
  expect(await ids()).toEqual(["a", "b", "c", "e"]);
});
