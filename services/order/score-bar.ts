/**
 * The credit score that a total asks for. Minor units are compared as they are, whatever the currency: the house lends in
 * currencies of two decimals, and a table for each would be the place to say otherwise.
 */
const SCORE_BARS: readonly { readonly minorUnitsMax: bigint; readonly score: number }[] = [
  // Up to 100.00: the credit line alone decides.
  { minorUnitsMax: 100_00n, score: 300 },
  { minorUnitsMax: 1_000_00n, score: 540 },
  { minorUnitsMax: 5_000_00n, score: 600 },
  { minorUnitsMax: 25_000_00n, score: 670 },
];

/** For totals above the table. */
const SCORE_BAR_HIGHEST = 740;

/** The lowest score, 300 to 850, at which an order with this total is let through. Rises with the total. */
export const scoreBar = (totalMinorUnits: bigint): number =>
  SCORE_BARS.find(({ minorUnitsMax }) => totalMinorUnits <= minorUnitsMax)?.score ?? SCORE_BAR_HIGHEST;
