import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { SCORE_MIN, type ScoreFactor, scoreModel } from "./score-model.ts";

/** A score at one moment. It never changes; a newer one follows. */
export interface CreditScore extends Score {
  readonly id: string;
  readonly customerId: string;
  readonly createTime: Timestamp;
}

/** What the model says of its inputs. */
export interface Score {
  /** 300 (worst) to 850 (best). */
  readonly value: number;
  readonly band: Band;
  /** What moved the score, the strongest first. 300 and all their points are the value. */
  readonly factors: readonly ScoreFactor[];
  /** Names the model; values of different models are not to be compared. */
  readonly modelVersion: string;
}

export type Band = keyof typeof BAND_FLOORS;

/** What is known of a customer when a score is computed. */
export interface ScoreInputs {
  readonly customerId: string;
  /** Counts payments that came in. */
  readonly paymentCount: number;
  /** The part of the credit line that is owed or held: 0 none, 1 all, more when the limit was lowered. Undefined without a line. */
  readonly creditUse: number | undefined;
  /** Days since the billing account was opened; 0 without one. */
  readonly accountAgeDays: number;
  /** Counts refunds that were given. */
  readonly refundCount: number;
  /** Whether the social security number is verified, and not erased. */
  readonly numberVerified: boolean;
}

/**
 * The score of a customer as far as `inputs` tell: the same inputs give the same score, at any time and in any process.
 * Throws RangeError when a number is negative or none: a score of nonsense must not be stored.
 */
export const scoreFrom = (inputs: ScoreInputs): Score => {
  checkInputs(inputs);
  const factors = scoreModel
    .factors(inputs)
    .filter(({ points }) => points !== 0)
    .toSorted((a, b) => Math.abs(b.points) - Math.abs(a.points));
  const value = factors.reduce((sum, { points }) => sum + points, SCORE_MIN);
  return { value, band: bandOf(value), factors, modelVersion: scoreModel.version };
};

/** Whether two scores say the same by the same model: a new one like the latest would tell nobody anything. */
export const isSameScore = (one: Score, other: Score): boolean =>
  one.value === other.value &&
  one.modelVersion === other.modelVersion &&
  one.factors.length === other.factors.length &&
  one.factors.every(({ kind, points }, i) => other.factors[i]?.kind === kind && other.factors[i]?.points === points);

/** The band that a value of 300 to 850 lies in, as the contract bounds it. */
export const bandOf = (value: number): Band => {
  for (const band of BANDS_DOWNWARDS) if (value >= BAND_FLOORS[band]) return band;
  throw new RangeError(`${value} is no credit score: the least is ${BAND_FLOORS.poor}`);
};

/** The least value of each band. */
const BAND_FLOORS = { poor: 300, fair: 580, good: 670, very_good: 740, excellent: 800 } as const;
const BANDS_DOWNWARDS = ["excellent", "very_good", "good", "fair", "poor"] as const;

const checkInputs = ({ paymentCount, creditUse = 0, accountAgeDays, refundCount }: ScoreInputs): void => {
  for (const [name, value] of Object.entries({ paymentCount, creditUse, accountAgeDays, refundCount })) {
    if (!(value >= 0)) throw new RangeError(`${name} is ${value}; it must be zero or more`);
  }
};
