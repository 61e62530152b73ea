import { create } from "@bufbuild/protobuf";
import { CreditScoreSchema, type CreditScore as CreditScoreV1 } from "@heddle/contracts/creditscore/v1";
import type { CreditScore } from "./credit-score.ts";

/** A score in the shape of creditscore.v1: one number. */
export const toV1 = ({ id, customerId, value, createTime }: CreditScore): CreditScoreV1 =>
  create(CreditScoreSchema, { id, customerId, score: value, createTime });
