import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { createHashSlots } from "./hash-slots.ts";
import { HASHES_RUNNING_MAX, HASHES_WAITING_MAX } from "./limits.ts";

const NEVER = new AbortController().signal;

test("only so many jobs run at once, the others wait, and one too many is refused with the time to wait", async () => {
  const slots = createHashSlots();
  const open = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  const job = async () => {
    most = Math.max(most, ++running);
    await open.promise;
    running -= 1;
  };
  const admitted = Array.from({ length: HASHES_RUNNING_MAX + HASHES_WAITING_MAX }, () => slots.run(job, NEVER));
  expect(await expectFailure(slots.run(job, NEVER))).toMatchObject({
    code: "ResourceExhausted",
    reason: "PASSWORD_CHECKS_EXHAUSTED",
    retryable: true,
  });
  open.resolve();
  await Promise.all(admitted);
  expect(most).toBe(HASHES_RUNNING_MAX);
  expect(await slots.run(async () => "free again", NEVER)).toBe("free again");
});

test("a job that fails, or whose caller has gone, gives its place back", async () => {
  const slots = createHashSlots();
  const gone = AbortSignal.abort(new Error("the caller went away"));
  for (let i = 0; i < 2 * (HASHES_RUNNING_MAX + HASHES_WAITING_MAX); i++) {
    await expect(slots.run(() => Promise.reject(new Error("broken")), NEVER)).rejects.toThrow("broken");
    await expect(slots.run(async () => expect.unreachable(), gone)).rejects.toThrow("went away");
  }
  expect(await slots.run(async () => "free", NEVER)).toBe("free");
});
