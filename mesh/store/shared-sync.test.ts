import { expect, test } from "vitest";
import { sharedSync } from "./shared-sync.ts";

/** Syncs that end when the test says. */
const inHand = () => {
  const begun: PromiseWithResolvers<void>[] = [];
  const sync = sharedSync(() => {
    const one = Promise.withResolvers<void>();
    begun.push(one);
    return one.promise;
  });
  return { begun, sync };
};

test("who asks while a sync is under way shares the next, which begins after it", async () => {
  const { begun, sync } = inHand();
  const first = sync();
  const others = [sync(), sync(), sync()];
  expect(begun).toHaveLength(1);
  begun[0]?.resolve();
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  expect(begun).toHaveLength(2);
  begun[1]?.resolve();
  await Promise.all(others);
  sync();
  expect(begun).toHaveLength(3);
});

test("after one that failed, those who waited fail as well, and no other is begun for them", async () => {
  const { begun, sync } = inHand();
  const both = [sync(), sync()];
  begun[0]?.reject(new Error("EIO"));
  for (const { status } of await Promise.allSettled(both)) expect(status).toBe("rejected");
  expect(begun).toHaveLength(1);
});
