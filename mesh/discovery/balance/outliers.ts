import { COMPARED_CALLS_MIN, COMPARED_ENDPOINTS_MIN, DEVIATIONS_MAX } from "./limits.ts";

/** The calls of one endpoint in an interval. */
export interface Tally {
  readonly successes: number;
  readonly failures: number;
}

/** What endpoints are measured by, where enough of them had enough calls. */
export interface Measure {
  /** The mean of their rates of success, 0 to 1. */
  readonly mean: number;
  /** The rate below which one is an outlier. */
  readonly least: number;
}

/** Compares the successes of endpoints in one interval as gRFC A50 and Envoy do; undefined where there is too little to go by. */
export const measureOf = (tallies: readonly Tally[]): Measure | undefined => {
  const rates = tallies.filter(hasEnough).map(rateOf);
  if (rates.length < COMPARED_ENDPOINTS_MIN) return undefined;
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return { mean, least: mean - DEVIATIONS_MAX * Math.sqrt(variance) };
};

/** Whether an endpoint stands out by its failures. */
export const isOutlier = (tally: Tally, { least }: Measure): boolean => hasEnough(tally) && rateOf(tally) < least;

/** The part of its calls that succeeded. */
export const rateOf = ({ successes, failures }: Tally): number => successes / (successes + failures);

const hasEnough = ({ successes, failures }: Tally): boolean => successes + failures >= COMPARED_CALLS_MIN;
