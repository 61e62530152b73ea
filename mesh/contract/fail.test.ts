import { Code } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";
import { expect, test } from "vitest";
import { fail, reasons, VALUE_CHARS_MAX, VIOLATIONS_MAX } from "./fail.ts";

const reason = reasons("loom.v1");
const LOOM_BUSY = reason("LOOM_BUSY", Code.FailedPrecondition, "Loom {loomId} has {threads} threads.");

test("metadata holds every value that the message shows", () => {
  const error = fail(LOOM_BUSY, { loomId: "lom_1", threads: 7n });
  expect(error.rawMessage).toBe("Loom lom_1 has 7 threads.");
  expect(error.code).toBe(Code.FailedPrecondition);
  expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
    { reason: "LOOM_BUSY", domain: "loom.v1", metadata: { loomId: "lom_1", threads: "7" } },
  ]);
});

test("a value that looks like a placeholder is not filled in", () => {
  expect(fail(LOOM_BUSY, { loomId: "{threads}", threads: 1 }).rawMessage).toBe("Loom {threads} has 1 threads.");
});

test("violations and the time to wait travel as details", () => {
  const error = fail(
    LOOM_BUSY,
    { loomId: "a", threads: 1 },
    { violations: [{ field: "id", description: "no" }], retryDelayMs: 1500.5 },
  );
  expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([{ field: "id", description: "no" }]);
  expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ seconds: 1n, nanos: 501_000_000 });
});

test("the largest error fits into the headers that common clients take", () => {
  const violation = { field: "f".repeat(10_000), description: "d".repeat(10_000) };
  const violations = Array.from({ length: 1000 }, () => violation);
  const error = fail(LOOM_BUSY, { loomId: "é".repeat(10_000), threads: 1 }, { violations });
  const trailer = setTrailerStatus(new Headers(), error);
  const headerBytes = [...trailer].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  expect(headerBytes).toBeLessThan(8192);
});

test("no more than the first violations are sent", () => {
  const violations = Array.from({ length: 100 }, (_, i) => ({ field: `f${i}`, description: "no" }));
  const sent = fail(LOOM_BUSY, { loomId: "a", threads: 1 }, { violations }).findDetails(BadRequestSchema)[0]
    ?.fieldViolations;
  expect(sent?.length).toBe(VIOLATIONS_MAX);
  expect(sent?.at(-1)?.field).toBe(`f${VIOLATIONS_MAX - 1}`);
});

test("a value that is cut within an emoji can still be sent", () => {
  const error = fail(LOOM_BUSY, { loomId: `${"x".repeat(VALUE_CHARS_MAX - 2)}🧵🧵`, threads: 1 });
  expect(() => setTrailerStatus(new Headers(), error)).not.toThrow();
});

test("the cause is kept for the log", () => {
  const cause = new Error("disk full");
  expect(fail(LOOM_BUSY, { loomId: "a", threads: 1 }, { cause }).cause).toBe(cause);
});
