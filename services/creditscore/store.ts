import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Reader, sql, type Tx } from "@heddle/mesh/store";
import type { Band, CreditScore } from "./credit-score.ts";
import type { KnownFacts } from "./known-facts.ts";
import type { ScoreFactor } from "./score-model.ts";

type NewRow = {
  customer_id: string;
  id: string;
  value: number;
  band: string;
  factors: string;
  model_version: string;
  create_time_ms: number;
};
type Row = NewRow & { sequence: number };

/** Which scores a list asks for. */
export interface CreditScoreList {
  readonly customerId: string;
  /** Empty: all. */
  readonly bands: readonly Band[];
  /** Only those before this one; undefined: from the latest on. */
  readonly beforeSequence: number | undefined;
  readonly limit: number;
}

/** A score with its place in the history of its customer. */
export interface PlacedScore {
  readonly score: CreditScore;
  readonly sequence: number;
}

const insertRow = sql<NewRow>(`
  INSERT INTO credit_scores (customer_id, sequence, id, value, band, factors, model_version, create_time_ms)
  SELECT :customer_id, coalesce(max(sequence), 0) + 1, :id, :value, :band, :factors, :model_version, :create_time_ms
  FROM credit_scores WHERE customer_id = :customer_id`);

const latest = sql<{ customerId: string }, Row>(
  "SELECT * FROM credit_scores WHERE customer_id = :customerId ORDER BY sequence DESC LIMIT 1",
);

// One statement per shape of list: the common one stops at its limit without looking at bands.
const all = sql<{ customerId: string; before: number; limit: number }, Row>(
  "SELECT * FROM credit_scores WHERE customer_id = :customerId AND sequence < :before ORDER BY sequence DESC LIMIT :limit",
);
const byBands = sql<{ customerId: string; before: number; limit: number; bands: string }, Row>(`
  SELECT * FROM credit_scores
  WHERE customer_id = :customerId AND sequence < :before AND band IN (SELECT value FROM json_each(:bands))
  ORDER BY sequence DESC LIMIT :limit`);

type FactsRow = {
  customer_id: string;
  payment_count: number;
  refund_count: number;
  credit_limit: number | null;
  credit_in_use: number | null;
  account_open_time_ms: number | null;
  number_verified: number;
  as_of_time_ms: number;
};

const factsOfCustomer = sql<{ customerId: string }, FactsRow>(
  "SELECT * FROM score_inputs WHERE customer_id = :customerId",
);

const putFactsRow = sql<FactsRow>(`
  INSERT OR REPLACE INTO score_inputs (customer_id, payment_count, refund_count, credit_limit, credit_in_use,
    account_open_time_ms, number_verified, as_of_time_ms)
  VALUES (:customer_id, :payment_count, :refund_count, :credit_limit, :credit_in_use,
    :account_open_time_ms, :number_verified, :as_of_time_ms)`);

/** The scores, and what they are made of, as rows and back. */
export const creditScoreStore = () => ({
  /** What events have told of a customer; undefined before the first. */
  async findFacts(reader: Reader, customerId: string): Promise<KnownFacts | undefined> {
    const row = await reader.get(factsOfCustomer, { customerId });
    return row && toFacts(row);
  },
  putFacts: (tx: Tx, facts: KnownFacts) => tx.run(putFactsRow, toFactsRow(facts)),
  /** Adds a score, which is the latest of its customer from then on. */
  append: (tx: Tx, score: CreditScore) => tx.run(insertRow, toRow(score)),
  async findLatest(reader: Reader, customerId: string): Promise<CreditScore | undefined> {
    const row = await reader.get(latest, { customerId });
    return row && toScore(row);
  },
  /** Latest first. */
  async list(
    reader: Reader,
    { customerId, bands, beforeSequence: before = Number.MAX_SAFE_INTEGER, limit }: CreditScoreList,
  ): Promise<PlacedScore[]> {
    const rows =
      bands.length === 0
        ? await reader.all(all, { customerId, before, limit })
        : await reader.all(byBands, { customerId, before, limit, bands: JSON.stringify(bands) });
    return rows.map((row) => ({ score: toScore(row), sequence: row.sequence }));
  },
});

export type CreditScoreStore = ReturnType<typeof creditScoreStore>;

const toFactsRow = ({ account, ...facts }: KnownFacts): FactsRow => ({
  customer_id: facts.customerId,
  payment_count: facts.paymentCount,
  refund_count: facts.refundCount,
  credit_limit: account?.creditLimit ?? null,
  credit_in_use: account?.creditInUse ?? null,
  account_open_time_ms: account?.openTimeMs ?? null,
  number_verified: facts.numberVerified ? 1 : 0,
  as_of_time_ms: facts.asOfMs,
});

const toFacts = (row: FactsRow): KnownFacts => {
  const { credit_limit: creditLimit, credit_in_use: creditInUse, account_open_time_ms: openTimeMs } = row;
  return {
    customerId: row.customer_id,
    paymentCount: row.payment_count,
    refundCount: row.refund_count,
    account:
      creditLimit === null || creditInUse === null || openTimeMs === null
        ? undefined
        : { creditLimit, creditInUse, openTimeMs },
    numberVerified: row.number_verified === 1,
    asOfMs: row.as_of_time_ms,
  };
};

const toRow = (score: CreditScore): NewRow => ({
  customer_id: score.customerId,
  id: score.id,
  value: score.value,
  band: score.band,
  factors: JSON.stringify(score.factors),
  model_version: score.modelVersion,
  create_time_ms: timestampMs(score.createTime),
});

const toScore = (row: Row): CreditScore => ({
  id: row.id,
  customerId: row.customer_id,
  value: row.value,
  band: row.band as Band,
  factors: JSON.parse(row.factors) as ScoreFactor[],
  modelVersion: row.model_version,
  createTime: timestampFromMs(row.create_time_ms),
});
