import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Connection, openReader } from "./connection.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { Job } from "./job.ts";
import { ReadPool, type Snapshot } from "./read-pool.ts";
import { type NoParams, sql } from "./statement.ts";
import { SnapshotReader } from "./transaction.ts";

/** A connection that keeps count, and fails when it is told to. */
class CountedConnection {
  inTransaction = false;
  closed = false;
  begins = 0;
  failsToBegin = false;
  failsToRollBack = false;

  begin(): void {
    if (this.failsToBegin) throw new Error("SQLITE_NOMEM");
    if (this.inTransaction || this.closed) throw new Error("cannot start a transaction here");
    this.inTransaction = true;
    this.begins++;
  }

  takeSnapshot(): void {}

  rollback(): void {
    if (this.failsToRollBack) throw new Error("SQLITE_IOERR");
    this.inTransaction = false;
  }

  close(): void {
    if (this.closed) throw new Error("closed twice");
    this.closed = true;
  }
}

/** A pool of connections that keep count. `prepare` sees each before it is used. */
const start = (connectionsMax: number, prepare: (connection: CountedConnection, index: number) => void = () => {}) => {
  const opened: CountedConnection[] = [];
  const pool = new ReadPool({
    open() {
      const connection = new CountedConnection();
      prepare(connection, opened.length);
      opened.push(connection);
      return connection as unknown as Connection;
    },
    connectionsMax,
    waitingMax: 10,
    foreign: { version: 0, undurable: false },
  });
  const enter = (): Snapshot => {
    const snapshot = pool.enter();
    if (snapshot === undefined) throw new Error("every connection is taken");
    return snapshot;
  };
  return { pool, opened, enter };
};

/** Something is committed, and on the disk at once. */
const commit = (pool: ReadPool) => {
  pool.hold();
  pool.release();
};

/** Until the event that runs now is over. */
const nextEvent = () => new Promise((resolve) => setImmediate(resolve));

describe("a snapshot", () => {
  test("is shared by the jobs of one event, and is over with it", async () => {
    const { pool, opened, enter } = start(4);
    const first = enter();
    await Promise.resolve();
    expect(enter()).toBe(first);
    pool.leave(first, false);
    pool.leave(first, false);
    expect(opened[0]?.inTransaction).toBe(true);
    await nextEvent();
    expect(opened[0]?.inTransaction).toBe(false);
    expect(enter()).not.toBe(first);
    expect(opened.map(({ begins }) => begins)).toEqual([2]);
  });

  test("is kept for those who read from it when something is committed, and left by who comes later", async () => {
    const { pool, opened, enter } = start(4);
    const before = enter();
    commit(pool);
    const after = enter();
    expect(after.connection).not.toBe(before.connection);
    expect(opened.map(({ inTransaction }) => inTransaction)).toEqual([true, true]);
    pool.leave(before, false);
    expect(opened.map(({ inTransaction }) => inTransaction)).toEqual([false, true]);
  });

  test("serves no one any more once a job in it has failed", () => {
    const { pool, enter } = start(4);
    const failed = enter();
    enter();
    pool.leave(failed, true);
    expect(enter()).not.toBe(failed);
  });

  test("does not go on for ever when one read sets off the next, without an event between them", async () => {
    const { pool, opened, enter } = start(4);
    for (let count = 0; count < 10_000; count++) {
      pool.leave(enter(), false);
      await Promise.resolve();
    }
    expect(opened).toHaveLength(1);
    expect(opened[0]?.begins).toBeGreaterThanOrEqual(10);
  });

  test("that is still read from when the pool is closed is left alone", async () => {
    const { pool, opened, enter } = start(1);
    enter();
    pool.close();
    await nextEvent();
    expect(opened.map(({ closed, inTransaction }) => [closed, inTransaction])).toEqual([[true, true]]);
  });
});

describe("a snapshot that is held", () => {
  test("is everybody's, event after event, until it is released", async () => {
    const { pool, opened, enter } = start(4);
    pool.hold();
    const held = enter();
    pool.leave(held, false);
    await nextEvent();
    expect(enter()).toBe(held);
    pool.leave(held, true);
    expect(enter()).toBe(held);
    pool.release();
    expect(enter()).not.toBe(held);
    pool.leave(held, false);
    expect(opened.map(({ inTransaction }) => inTransaction)).toEqual([false, true]);
  });

  test("has a connection of its own where every other one is taken, which is given up after it", async () => {
    const { pool, opened, enter } = start(1);
    const before = enter();
    commit(pool);
    pool.hold();
    const held = enter();
    expect(held.connection).toBe(opened[1]);
    pool.release();
    pool.leave(held, false);
    expect(opened.map(({ closed }) => closed)).toEqual([false, true]);
    pool.leave(before, false);
    expect(enter().connection).toBe(opened[0]);
  });

  test("and that SQLite has ended is entered by nobody: they wait for its release", async () => {
    const { pool, opened, enter } = start(4);
    pool.hold();
    const held = enter();
    held.suspect = true;
    if (opened[0] !== undefined) opened[0].inTransaction = false;
    pool.leave(held, true);
    expect(pool.enter()).toBeUndefined();
    const waiting = pool.wait();
    await nextEvent();
    pool.release();
    expect(await waiting).not.toBe(held);
  });
});

describe("a job that finds every connection taken", () => {
  test("waits until one is free, and those who wait with it share what it begins", async () => {
    const { pool, opened, enter } = start(1);
    const old = enter();
    commit(pool);
    expect(pool.enter()).toBeUndefined();
    const waiting = [pool.wait(), pool.wait()];
    pool.leave(old, false);
    const first = await waiting[0];
    if (first !== undefined) pool.leave(first, false);
    expect((await waiting[1])?.connection).toBe(opened[0]);
  });

  test("is refused when too many wait", () => {
    const { pool, enter } = start(1);
    enter();
    commit(pool);
    for (let count = 0; count < 10; count++) {
      expect(pool.full).toBe(false);
      void pool.wait();
    }
    expect(pool.full).toBe(true);
  });
});

describe("a connection that fails", () => {
  test("to begin fails that job alone: another one is opened in its place, as often as it takes", () => {
    const { opened, enter } = start(4, (connection, index) => {
      connection.failsToBegin = index < 10;
    });
    for (let count = 0; count < 10; count++) expect(enter).toThrow("SQLITE_NOMEM");
    expect(enter().connection).toBe(opened[10]);
    expect(opened.map(({ closed }) => closed)).toEqual([...Array(10).fill(true), false]);
  });

  test("to begin for a job that has waited lets the next one try", async () => {
    const { pool, opened, enter } = start(1);
    const old = enter();
    commit(pool);
    const waiting = [pool.wait(), pool.wait(), pool.wait()];
    const [failing] = opened;
    if (failing !== undefined) failing.failsToBegin = true;
    pool.leave(old, false);
    await expect(waiting[0]).rejects.toThrow("SQLITE_NOMEM");
    for (const each of waiting.slice(1)) pool.leave((await each) as Snapshot, false);
    expect(opened).toHaveLength(2);
  });

  test("to roll back is given up at the end of its event, and the next job gets another", async () => {
    const { pool, opened, enter } = start(1, (connection, index) => {
      connection.failsToRollBack = index === 0;
    });
    pool.leave(enter(), false);
    await nextEvent();
    expect(opened.map(({ closed }) => closed)).toEqual([true]);
    expect(enter().connection).toBe(opened[1]);
  });

  test("to roll back is given up at once when a job has failed, for those who wait as well", async () => {
    const { pool, opened, enter } = start(1, (connection, index) => {
      connection.failsToRollBack = index === 0;
    });
    const old = enter();
    commit(pool);
    const waiting = [pool.wait(), pool.wait()];
    pool.leave(old, true);
    for (const each of waiting) pool.leave(await each, false);
    expect(opened.map(({ closed }) => closed)).toEqual([true, false]);
    await nextEvent();
    pool.close();
    expect(opened.map(({ closed }) => closed)).toEqual([true, true]);
  });
});

test("no job reads on when SQLite has ended the transaction that it shares: it would see another moment", async () => {
  const file = `${temporaryFolder()}/test.db`;
  new Database(file).exec("PRAGMA journal_mode = WAL; CREATE TABLE notes (id)").close();
  const pool = new ReadPool({
    open: () => openReader(file, 0),
    connectionsMax: 1,
    waitingMax: 1,
    foreign: { version: 0, undurable: false },
  });
  onTestFinished(() => pool.close());
  const snapshots = [pool.enter(), pool.enter()] as Snapshot[];
  const [failing, other] = snapshots.map((snapshot) => new SnapshotReader(snapshot, new Job("read")));
  const count = sql<NoParams, { n: number }>("SELECT count(*) AS n FROM notes");
  const overflow = sql<NoParams, { n: number }>("SELECT abs(-9223372036854775807 - 1) AS n");
  expect(await other?.get(count, {})).toEqual({ n: 0 });
  // As it does itself when it runs out of memory or cannot read.
  snapshots[0]?.connection.database.exec("ROLLBACK");
  await expect(failing?.get(overflow, {})).rejects.toThrow("integer overflow");
  await expect(other?.get(count, {})).rejects.toThrow("SQLite has ended the transaction");
  for (const snapshot of snapshots) pool.leave(snapshot, true);
  const after = pool.enter() as Snapshot;
  expect(await new SnapshotReader(after, new Job("read")).all(count, {})).toEqual([{ n: 0 }]);
  pool.leave(after, false);
});

test("a waiter for whom no connection can be opened lets the next one try", async () => {
  let opens = 0;
  const pool = new ReadPool({
    open() {
      opens++;
      if (opens === 2) throw new Error("SQLITE_CANTOPEN");
      const rollback = () => {
        if (opens === 1) throw new Error("SQLITE_IOERR");
      };
      return { begin() {}, takeSnapshot() {}, rollback, close() {} } as unknown as Connection;
    },
    connectionsMax: 1,
    waitingMax: 10,
    foreign: { version: 0, undurable: false },
  });
  const old = pool.enter() as Snapshot;
  commit(pool);
  const waiting = [pool.wait(), pool.wait(), pool.wait()];
  pool.leave(old, true);
  await expect(waiting[0]).rejects.toThrow("SQLITE_CANTOPEN");
  for (const later of waiting.slice(1)) pool.leave(await (later as Promise<Snapshot>), false);
});
