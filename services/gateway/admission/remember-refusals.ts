import { AdmissionOutcome } from "@heddle/contracts/heddle/contract/v1";
import type { ContractViolation } from "@heddle/contracts/heddle/registry/v1";
import type { Case, Verdict } from "./judge.ts";
import { violationsOf } from "./refusal.ts";

/** A verdict, with its breaks as they are told. */
export interface Judged extends Omit<Verdict, "breaks"> {
  /** VIOLATIONS_MAX at most. */
  readonly violations: readonly ContractViolation[];
}

/** What a case is about, by the hashes of its contracts. */
export interface NamedCase extends Case {
  readonly inForceHash: string | undefined;
  readonly offeredHash: string;
}

/**
 * Refusals that are remembered. A refused instance tries again every ten seconds for as long as it runs, and to compare two large
 * contracts takes seconds in which the gateway does nothing else.
 */
const REFUSALS_MAX = 100;

/** `judge`, which is pure, without asking it again for what it has refused. */
export const rememberRefusals = (judge: (judged: Case) => Verdict): ((judged: NamedCase) => Judged) => {
  const refusals = new Map<string, Judged>();
  return ({ inForceHash, offeredHash, ...judged }) => {
    const { packageName, wasAdmitted, override } = judged;
    const key = JSON.stringify([packageName, inForceHash, offeredHash, wasAdmitted, override]);
    const known = refusals.get(key);
    if (known !== undefined) {
      refusals.delete(key);
      refusals.set(key, known);
      return known;
    }
    const { breaks, ...verdict } = judge(judged);
    const result = { ...verdict, violations: violationsOf(packageName, breaks) };
    if (result.outcome === AdmissionOutcome.REFUSED) {
      refusals.set(key, result);
      for (const oldest of refusals.keys()) if (refusals.size > REFUSALS_MAX) refusals.delete(oldest);
    }
    return result;
  };
};
