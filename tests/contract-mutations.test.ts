import { expect, test } from "vitest";
import { explain, runMutations } from "./contract-mutations/run.ts";

/** `make contract-mutations` takes more of them, and any seed. */
const RUNS = 200;
const SEED = 7;

test(`${RUNS} mutated contracts are judged as buf judges them, rule by rule and line by line (seed ${SEED})`, () => {
  const { pairs, falseAccepts, falseRefusals, otherRules, otherPlaces, breaking } = runMutations(RUNS, SEED);
  expect([...falseAccepts, ...falseRefusals, ...otherRules, ...otherPlaces].map(explain)).toEqual([]);
  // Verdicts of both kinds were compared.
  for (const broken of Object.values(breaking)) {
    expect(broken).toBeGreaterThan(pairs / 10);
    expect(broken).toBeLessThan(pairs);
  }
}, 120_000);
