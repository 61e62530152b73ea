import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../observe/index.ts";
import { fakeTime } from "../testing/index.ts";
import { testKey } from "./fixtures/tokens.ts";
import { KEYS_ASKED_MS, KEYS_REFRESH_MS, KeySet, type PublishedKey } from "./key-set.ts";

const one = testKey("one", 1);
const two = testKey("two", 2);

/** A key set, and an auth that the test plays. */
const start = () => {
  const time = fakeTime();
  const auth = { asked: 0, keys: [one] as readonly PublishedKey[], away: false, answer: Promise.resolve() };
  const log = createLog({
    service: "test",
    level: "silent",
    clock: time.clock,
    destination: { write: () => undefined },
  });
  const keys = new KeySet({
    ...time,
    log,
    fetch: async () => {
      auth.asked++;
      await auth.answer;
      if (auth.away) throw new Error("away");
      return auth.keys;
    },
  });
  onTestFinished(() => keys.stop());
  return { keys, auth, time };
};

test("nothing is asked before somebody looks for a key, and then it cannot be said yet", async () => {
  const { keys, auth, time } = start();
  await time.advance(600_000);
  expect(auth.asked).toBe(0);
  expect(keys.find("one")).toBe("unknown");
  await time.advance(0);
  expect(keys.find("one")).toHaveProperty("asymmetricKeyType", "ed25519");
  expect(keys.find("two")).toBeUndefined();
});

test("the keys are asked for once a minute, and each change is a new version", async () => {
  const { keys, auth, time } = start();
  await keys.ask();
  expect(keys.version).toBe(1);
  await time.advance(KEYS_REFRESH_MS);
  expect([auth.asked, keys.version]).toEqual([2, 1]);
  auth.keys = [two, one];
  await time.advance(KEYS_REFRESH_MS);
  expect([auth.asked, keys.version]).toEqual([3, 2]);
  expect(keys.find("two")).toHaveProperty("type", "public");
});

test("a key that is no longer published is none any more", async () => {
  const { keys, auth, time } = start();
  await keys.ask();
  auth.keys = [two];
  await time.advance(KEYS_REFRESH_MS);
  expect(keys.find("one")).toBeUndefined();
});

test("a key that nobody knows is asked for once a second at most, however many tokens name it", async () => {
  const { keys, auth, time } = start();
  await keys.ask();
  await time.advance(KEYS_ASKED_MS);
  auth.keys = [one, two];
  for (let i = 0; i < 100; i++) expect(keys.find("two")).toBe("unknown");
  await time.advance(0);
  expect(keys.find("two")).toHaveProperty("type", "public");
  for (let i = 0; i < 100; i++) expect(keys.find(`made-up-${i}`)).toBeUndefined();
  expect(auth.asked).toBe(2);
  await time.advance(KEYS_ASKED_MS);
  expect(keys.find("made-up")).toBe("unknown");
  await time.advance(0);
  expect(keys.find("made-up")).toBeUndefined();
  expect(auth.asked).toBe(3);
});

test("while auth is away the last keys stay in force, and of others nothing can be said", async () => {
  const { keys, auth, time } = start();
  await keys.ask();
  auth.away = true;
  await time.advance(KEYS_REFRESH_MS + 60_000);
  expect(keys.find("one")).toHaveProperty("type", "public");
  expect(keys.find("two")).toBe("unknown");
  auth.away = false;
  await time.advance(10_000);
  keys.find("two");
  await time.advance(0);
  expect(keys.find("two")).toBeUndefined();
});

test("an auth that is not there yet is asked again soon, twice a second at first, and less and less often later", async () => {
  const { keys, auth, time } = start();
  auth.away = true;
  await keys.ask();
  await time.advance(100 + 200 + 400);
  expect(auth.asked).toBe(4);
  await time.advance(5_000);
  expect(auth.asked).toBe(14);
  auth.away = false;
  await time.advance(500);
  await keys.known;
  auth.away = true;
  const before = auth.asked;
  await time.advance(KEYS_REFRESH_MS + 60_000);
  expect(auth.asked - before).toBeLessThan(16);
});

test("it does not ask twice at a time, and not at all once it is stopped", async () => {
  const { keys, auth, time } = start();
  const answered = Promise.withResolvers<void>();
  auth.answer = answered.promise;
  const both = [keys.ask(), keys.ask()];
  keys.find("two");
  expect(auth.asked).toBe(1);
  keys.stop();
  answered.resolve();
  await Promise.all(both);
  await keys.ask();
  await time.advance(600_000);
  expect([auth.asked, time.pending()]).toEqual([1, 0]);
});
