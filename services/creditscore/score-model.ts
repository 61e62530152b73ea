import { createHash } from "node:crypto";
import type { ScoreInputs } from "./credit-score.ts";

export const SCORE_MIN = 300;

export type FactorKind = "base" | "payment_history" | "credit_use" | "account_age" | "refunds" | "verified_number";

/** One thing that moved a score. */
export interface ScoreFactor {
  readonly kind: FactorKind;
  /** Up when positive, down when negative. */
  readonly points: number;
}

/**
 * A plain model. It was not fitted to anybody's payments: it spreads new customers over the middle of the scale by a
 * hash of their id, so that scores of strangers differ and repeat, and moves them by plain rules that one can check by hand.
 * A model that is fitted to data replaces it under a new version.
 *
 * The bounds of its factors add up to 50 to 550 points above 300, so that no sum needs to be cut and the factors always
 * explain the value to the point.
 */
export const scoreModel = {
  version: "2026.2",
  /** Points of each factor, zeros included, in whole numbers. */
  factors: (inputs: ScoreInputs): ScoreFactor[] => [
    { kind: "base", points: basePoints(inputs.customerId) },
    { kind: "payment_history", points: Math.min(80, 10 * inputs.paymentCount) },
    { kind: "credit_use", points: creditUsePoints(inputs.creditUse) },
    { kind: "account_age", points: Math.min(25, Math.floor(inputs.accountAgeDays / 30)) },
    { kind: "refunds", points: -Math.min(50, 5 * inputs.refundCount) },
    { kind: "verified_number", points: inputs.numberVerified ? 20 : 0 },
  ],
} as const;

/** 200 to 400, evenly spread over the customers: a first score of 500 to 700. */
const basePoints = (customerId: string): number =>
  200 + (createHash("sha256").update(customerId).digest().readUInt32BE(0) % 201);

/** From +25 for an unused line, by nothing at half of it, to -100 for a line that is used up. */
const creditUsePoints = (use: number | undefined): number => {
  if (use === undefined) return 0;
  return use <= 0.5 ? Math.round(25 * (1 - use / 0.5)) : -Math.round(100 * Math.min(1, (use - 0.5) / 0.5));
};
