import { expect, test } from "vitest";
import type { Session } from "../../wire/index.ts";
import { AcquireError, type ConnectionPool } from "./connection-pool.ts";
import { failoverPool } from "./failover-pool.ts";

/** A pool that has a session while it is `up`; each session is told by its name. */
const poolOf = (name: string) => {
  const session = { peer: name } as Session;
  const pool = {
    up: true,
    asked: 0,
    acquireNow: () => (pool.up ? session : undefined),
    async acquire() {
      pool.asked++;
      if (!pool.up) throw new AcquireError("unavailable", `${name} is away`);
      return session;
    },
    close: () => undefined,
    destroy: () => undefined,
  };
  return pool satisfies ConnectionPool;
};

test("calls go to the next where no connection can be made, and stay there", async () => {
  const [one, other] = [poolOf("one"), poolOf("other")];
  const pool = failoverPool([one, other]);
  expect(pool.acquireNow()?.peer).toBe("one");
  one.up = false;
  expect(pool.acquireNow()).toBeUndefined();
  expect((await pool.acquire()).peer).toBe("other");
  one.up = true;
  expect(pool.acquireNow()?.peer).toBe("other");
  expect((await pool.acquire()).peer).toBe("other");
});

test("where none is there the first one's reason is told, and each was asked once", async () => {
  const [one, other] = [poolOf("one"), poolOf("other")];
  one.up = false;
  other.up = false;
  await expect(Promise.resolve(failoverPool([one, other]).acquire())).rejects.toThrow("one is away");
  expect([one.asked, other.asked]).toEqual([1, 1]);
});

test("one that has too many calls already is not left for another", async () => {
  const [one, other] = [poolOf("one"), poolOf("other")];
  one.acquire = () => Promise.reject(new AcquireError("exhausted", "too many"));
  await expect(Promise.resolve(failoverPool([one, other]).acquire())).rejects.toThrow("too many");
  expect(other.asked).toBe(0);
});

test("one alone is itself", () => {
  const one = poolOf("one");
  expect(failoverPool([one])).toBe(one);
});
