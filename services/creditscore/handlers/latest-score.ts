import type { CreditScore } from "../credit-score.ts";
import { keepScore } from "../keep-score.ts";
import { nothingKnown } from "../known-facts.ts";
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
      const facts = (await scores.findFacts(tx, customerId)) ?? nothingKnown(customerId);
      return keepScore(tx, { scores, clock, ids }, facts);
    });
  };
