import type { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import type { Handler } from "@heddle/mesh/rpc";
import { toV2 } from "../../credit-score-v2.ts";
import type { Deps } from "../deps.ts";
import { latestScore } from "../latest-score.ts";

/** Returns the latest score of a customer, its first one when it had none. */
export const getCreditScore = (deps: Deps): Handler<typeof CreditScoreService.method.getCreditScore> => {
  const latest = latestScore(deps);
  return async ({ customerId }) => ({ creditScore: toV2(await latest(customerId)) });
};
