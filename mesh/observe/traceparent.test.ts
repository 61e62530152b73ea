import { expect, test } from "vitest";
import { systemRandom } from "../runtime/index.ts";
import { continueTrace, traceIdOf } from "./traceparent.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const VALID = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

test("a trace goes on with a span of our own, and keeps its flags", () => {
  for (const flags of ["00", "01", "ff"]) {
    const next = continueTrace(`00-${TRACE}-${PARENT}-${flags}`, systemRandom);
    expect(next).toMatch(VALID);
    expect(traceIdOf(next)).toBe(TRACE);
    expect(next).not.toContain(PARENT);
    expect(next.endsWith(`-${flags}`)).toBe(true);
  }
});

test("a later version's trace is understood as far as this one goes", () => {
  const next = continueTrace(`cc-${TRACE}-${PARENT}-01-more-to-come`, systemRandom);
  expect(traceIdOf(next)).toBe(TRACE);
  expect(next).toMatch(VALID);
});

test.each([
  undefined,
  null,
  "",
  "garbage",
  `00-${TRACE}-${PARENT}`,
  `00-${TRACE.toUpperCase()}-${PARENT}-01`,
  `00-${"0".repeat(32)}-${PARENT}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `ff-${TRACE}-${PARENT}-01`,
  `00-${TRACE}-${PARENT}-01-more`,
  `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`,
])("%j begins a new trace", (received) => {
  const next = continueTrace(received, systemRandom);
  expect(next).toMatch(VALID);
  expect(traceIdOf(next)).not.toBe(TRACE);
});
