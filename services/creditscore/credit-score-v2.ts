import { create } from "@bufbuild/protobuf";
import {
  CreditScoreBand,
  CreditScoreFactorKind,
  CreditScoreSchema,
  type CreditScore as CreditScoreV2,
} from "@heddle/contracts/creditscore/v2";
import type { Band, CreditScore } from "./credit-score.ts";
import type { FactorKind } from "./score-model.ts";

/** A score in the shape of creditscore.v2: the number with its band, its factors and its model. */
export const toV2 = (score: CreditScore): CreditScoreV2 =>
  create(CreditScoreSchema, {
    id: score.id,
    customerId: score.customerId,
    band: BANDS[score.band],
    value: score.value,
    factors: score.factors.map(({ kind, points }) => ({ kind: KINDS[kind], points })),
    modelVersion: score.modelVersion,
    createTime: score.createTime,
  });

/** The bands that a v2 request names. Values that the contract does not define are refused before, by validation. */
export const bandsFromV2 = (bands: readonly CreditScoreBand[]): Band[] =>
  (Object.keys(BANDS) as Band[]).filter((band) => bands.includes(BANDS[band]));

const BANDS = {
  poor: CreditScoreBand.POOR,
  fair: CreditScoreBand.FAIR,
  good: CreditScoreBand.GOOD,
  very_good: CreditScoreBand.VERY_GOOD,
  excellent: CreditScoreBand.EXCELLENT,
} as const satisfies Record<Band, CreditScoreBand>;

const KINDS = {
  base: CreditScoreFactorKind.BASE,
  payment_history: CreditScoreFactorKind.PAYMENT_HISTORY,
  credit_use: CreditScoreFactorKind.CREDIT_USE,
  account_age: CreditScoreFactorKind.ACCOUNT_AGE,
  refunds: CreditScoreFactorKind.REFUNDS,
  verified_number: CreditScoreFactorKind.VERIFIED_NUMBER,
} as const satisfies Record<FactorKind, CreditScoreFactorKind>;
