import { CreditScoreComputedSchema } from "@heddle/contracts/creditscore/v2";
import type { Clock, Ids } from "@heddle/mesh/runtime";
import type { Tx } from "@heddle/mesh/store";
import { type CreditScore, isSameScore, scoreFrom } from "./credit-score.ts";
import { toV2 } from "./credit-score-v2.ts";
import { type KnownFacts, scoreInputs } from "./known-facts.ts";
import type { CreditScoreStore } from "./store.ts";

/** The score of a customer as far as `facts` tell: the latest, where they say nothing new, or else a new one, which is published. */
export const keepScore = async (
  tx: Tx,
  { scores, clock, ids }: { readonly scores: CreditScoreStore; readonly clock: Clock; readonly ids: Ids },
  facts: KnownFacts,
): Promise<CreditScore> => {
  const { customerId } = facts;
  const latest = await scores.findLatest(tx, customerId);
  const computed = scoreFrom(scoreInputs(facts));
  if (latest !== undefined && isSameScore(latest, computed)) return latest;
  const score = { id: ids.next("scr"), customerId, createTime: clock.now(), ...computed };
  await scores.append(tx, score);
  await tx.publish(CreditScoreComputedSchema, { creditScore: toV2(score) });
  return score;
};
