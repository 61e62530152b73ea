import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { fail, reasons } from "../contract/fail.ts";
import { expectFailure } from "./expect-failure.ts";

test("a failure is told by code, reason, metadata, fields and whether to try again", async () => {
  const TORN = reasons("loom.v1")("TORN", Code.Unavailable, "Thread {thread} is torn.");
  const violations = [{ field: "thread", description: "is torn" }];
  const call = Promise.reject(fail(TORN, { thread: 7 }, { violations, retryDelayMs: 10 }));
  expect(await expectFailure(call)).toEqual({
    code: "Unavailable",
    reason: "TORN",
    domain: "loom.v1",
    metadata: { thread: "7" },
    message: "Thread 7 is torn.",
    fields: ["thread"],
    retryable: true,
  });
});

test("a call that succeeds is the failure of the test", async () => {
  await expect(expectFailure(Promise.resolve(1))).rejects.toThrow("the call succeeded");
});
