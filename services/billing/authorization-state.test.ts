import { expect, test } from "vitest";
import { type AuthorizationState, type AuthorizationVerb, type Outcome, outcomeOf } from "./authorization-state.ts";

const TABLE: readonly [AuthorizationState, AuthorizationVerb, Outcome][] = [
  ["authorized", "capture", "moves"],
  ["authorized", "void", "moves"],
  ["authorized", "refund", "refused"],
  ["authorized", "expire", "moves"],
  ["captured", "capture", "repeats"],
  ["captured", "void", "refused"],
  ["captured", "refund", "moves"],
  ["captured", "expire", "repeats"],
  ["voided", "capture", "refused"],
  ["voided", "void", "repeats"],
  ["voided", "refund", "refused"],
  ["voided", "expire", "repeats"],
  ["refunded", "capture", "refused"],
  ["refunded", "void", "refused"],
  ["refunded", "refund", "refused"],
  ["refunded", "expire", "repeats"],
  ["expired", "capture", "refused"],
  ["expired", "void", "repeats"],
  ["expired", "refund", "refused"],
  ["expired", "expire", "repeats"],
];

test("the table below names every state with every verb once", () => {
  expect(new Set(TABLE.map(([state, verb]) => `${state} ${verb}`)).size).toBe(5 * 4);
});

test.each(TABLE)("%s, then %s: %s", (state, verb, outcome) => {
  expect(outcomeOf(state, verb)).toBe(outcome);
});
