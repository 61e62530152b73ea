import { CreditScoreComputedSchema } from "@heddle/contracts/creditscore/v2";
import { type CreditScore, openingInputs, scoreFrom } from "../credit-score.ts";
import { toV2 } from "../credit-score-v2.ts";
import type { Deps } from "./deps.ts";

/** The latest score of a customer. Computes the first one and stores it when there is none, once however many ask at a time. */
export const latestScore =
  ({ scores, store, clock, ids }: Deps) =>
  async (customerId: string): Promise<CreditScore> => {
    // Most calls find a score and need not wait for the one writer.
    const known = await store.read((reader) => scores.findLatest(reader, customerId));
    if (known !== undefined) return known;
    return store.write(async (tx) => {
      const current = await scores.findLatest(tx, customerId);
      if (current !== undefined) return current;
      const first = {
        id: ids.next("scr"),
        customerId,
        createTime: clock.now(),
        ...scoreFrom(openingInputs(customerId)),
      };
      await scores.append(tx, first);
      await tx.publish(CreditScoreComputedSchema, { creditScore: toV2(first) });
      return first;
    });
  };
