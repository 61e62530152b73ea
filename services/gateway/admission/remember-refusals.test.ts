import { AdmissionOutcome } from "@heddle/contracts/heddle/contract/v1";
import { expect, test } from "vitest";
import { rememberRefusals } from "./remember-refusals.ts";

const BREAK = { file: "a.proto", line: 1, element: "a.v1.A.b", rule: "FIELD_SAME_NAME", message: "m" };

/** A judge of `outcome` that counts what it is asked, and what it says. */
const counted = (outcome: AdmissionOutcome) => {
  let asked = 0;
  const breaks = [{ ...BREAK, before: "b", after: "c" }];
  const judge = rememberRefusals(() => {
    asked++;
    return { outcome, inForce: undefined, breaks };
  });
  const hashes = { inForceHash: "11", offeredHash: "22" };
  const contracts = { inForce: new Uint8Array(), offered: new Uint8Array() };
  const base = { packageName: "a.v1", ...hashes, ...contracts, wasAdmitted: false, override: undefined };
  return { ask: (more: Partial<Parameters<typeof judge>[0]> = {}) => judge({ ...base, ...more }), asked: () => asked };
};

test("what was refused is refused again without comparing the contracts again", () => {
  const { ask, asked } = counted(AdmissionOutcome.REFUSED);
  const first = ask();
  expect(ask()).toEqual(first);
  expect(first.violations).toMatchObject([{ rule: "FIELD_SAME_NAME", element: "a.v1.A.b", package: "a.v1" }]);
  expect(asked()).toBe(1);
});

test.each([
  { packageName: "b.v1" },
  { inForceHash: "33" },
  { offeredHash: "33" },
  { wasAdmitted: true },
  { override: "any" as const },
])("%j makes it another case", (other) => {
  const { ask, asked } = counted(AdmissionOutcome.REFUSED);
  ask();
  ask(other);
  expect(asked()).toBe(2);
});

test("what is admitted is judged each time", () => {
  const { ask, asked } = counted(AdmissionOutcome.EARLIER);
  ask();
  ask();
  expect(asked()).toBe(2);
});

test("of more than a hundred refusals the one that nobody repeats is forgotten first", () => {
  const { ask, asked } = counted(AdmissionOutcome.REFUSED);
  for (let i = 0; i < 100; i++) ask({ offeredHash: `${i}` });
  ask({ offeredHash: "0" });
  ask({ offeredHash: "100" });
  ask({ offeredHash: "0" });
  expect(asked()).toBe(101);
  ask({ offeredHash: "1" });
  expect(asked()).toBe(102);
});
