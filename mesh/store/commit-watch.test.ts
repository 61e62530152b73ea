import { expect, test } from "vitest";
import { fakeTime } from "../testing/index.ts";
import { CommitWatch } from "./commit-watch.ts";
import { WATCH_POLL_MS, WATCH_SLOW_POLL_MS } from "./limits.ts";

const watching = (canWatch: boolean) => {
  const time = fakeTime();
  const world = { committed: false, told: 0, write: () => {} };
  const watch = new CommitWatch({
    watchLog(onWrite) {
      if (!canWatch) return undefined;
      world.write = onWrite;
      return () => {
        world.write = () => {};
      };
    },
    notice() {
      const { committed } = world;
      world.committed = false;
      return committed;
    },
    timers: time.timers,
    onCommit: () => {
      world.told += 1;
    },
  });
  watch.start();
  return { time, world, watch };
};

test("a commit that can be seen only a moment after its last write is told of all the same", async () => {
  const { time, world } = watching(true);
  world.write();
  expect(world.told).toBe(0);
  world.committed = true;
  await time.advance(1);
  expect(world.told).toBe(1);
});

test("a write that nothing comes of is looked at a few times, and no more", async () => {
  const { time, world } = watching(true);
  world.write();
  await time.advance(100);
  // What is left is the slow poll.
  expect(time.pending()).toBe(1);
  world.committed = true;
  await time.advance(WATCH_SLOW_POLL_MS);
  expect(world.told).toBe(1);
});

test("where the system does not tell of writes, a poll finds the commit", async () => {
  const { time, world } = watching(false);
  world.committed = true;
  await time.advance(WATCH_POLL_MS);
  expect(world.told).toBe(1);
});

test("nothing goes on after the stop, and it can be started again", async () => {
  const { time, world, watch } = watching(true);
  world.write();
  watch.stop();
  expect(time.pending()).toBe(0);
  world.committed = true;
  // What was committed meanwhile is told of at once.
  watch.start();
  expect(world.told).toBe(1);
});
