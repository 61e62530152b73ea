import { create, fromBinary, type Message } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  AccountOpenedSchema,
  CreditLimitChangedSchema,
  PaymentAuthorizedSchema,
  PaymentCapturedSchema,
  PaymentExpiredSchema,
  PaymentRecordedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@heddle/contracts/billing/v1";
import { CreditScoreComputedSchema } from "@heddle/contracts/creditscore/v2";
import { NumberRegisteredSchema, NumberVerifiedSchema, RecordErasedSchema } from "@heddle/contracts/socialsecurity/v1";
import { createIds, systemRuntime } from "@heddle/mesh/runtime";
import { openTestStore, sql, type TestStore } from "@heddle/mesh/store";
import { fakeClock } from "@heddle/mesh/testing";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { CreditScore } from "./credit-score.ts";
import { followEvents } from "./follow-events.ts";
import { latestScore } from "./handlers/latest-score.ts";
import { creditScoreStore } from "./store.ts";

const ADA = `cus_${"0".repeat(25)}1`;
const EVE = `cus_${"0".repeat(25)}2`;
const DAY_MS = 86_400_000;
const OPENED_MS = 1_700_000_000_000;

/** A service's inside, with a clock and chance that repeat from one to the next. */
const start = async () => {
  const clock = fakeClock();
  const random = { bytes: (count: number) => new Uint8Array(count), below: () => 0 };
  const ids = createIds({ clock, random });
  const store = await openTestStore(new URL("./migrations/", import.meta.url), { ...systemRuntime(), clock });
  onTestFinished(() => store.close());
  const scores = creditScoreStore();
  const handlers = followEvents({ scores, clock, ids }).flatMap(({ from, handlers: own }) =>
    own.map(({ event, apply }) => ({ from, event, apply })),
  );
  return {
    store,
    latest: (customerId: string) => latestScore({ scores, store, clock, ids })(customerId),
    history: (customerId: string): Promise<CreditScore[]> =>
      store.read(async (reader) => {
        const list = { customerId, bands: [], beforeSequence: undefined, limit: 1000 };
        return (await scores.list(reader, list)).map(({ score }) => score).reverse();
      }),
    /** Applies an event in a transaction of its own, as the runtime does. */
    async tell(message: Message, timeMs = OPENED_MS): Promise<void> {
      const handler = handlers.find(({ event }) => event.typeName === message.$typeName);
      if (handler === undefined) throw new Error(`nobody listens to ${message.$typeName}`);
      const { from: source, apply } = handler;
      const event = { source, sequence: 1n, key: "", createTime: timestampFromMs(timeMs), message };
      await store.write((tx) => apply(tx, event, undefined));
    },
  };
};

const money = (minorUnits: number) => ({ currencyCode: "USD", minorUnits: BigInt(minorUnits) });
const account = (customerId: string, { limit = 1000, owed = 0, held = 0 } = {}) => ({
  account: {
    id: "acc_1",
    customerId,
    creditLimit: money(limit),
    balance: money(owed),
    authorizedAmount: money(held),
    createTime: timestampFromMs(OPENED_MS),
  },
});
const factorsOf = ({ factors }: CreditScore) => Object.fromEntries(factors.map(({ kind, points }) => [kind, points]));

test("each thing that happens to account and number is a new score, with its reasons", async () => {
  const { tell, history } = await start();
  await tell(create(NumberRegisteredSchema, { customerId: ADA }));
  await tell(create(NumberVerifiedSchema, { customerId: ADA }));
  await tell(create(AccountOpenedSchema, account(ADA)));
  await tell(create(PaymentAuthorizedSchema, account(ADA, { held: 750 })));
  await tell(create(PaymentCapturedSchema, account(ADA, { owed: 400 })));
  await tell(create(PaymentRecordedSchema, account(ADA)), OPENED_MS + 60 * DAY_MS);
  await tell(create(PaymentRefundedSchema, account(ADA)), OPENED_MS + 60 * DAY_MS);
  await tell(create(RecordErasedSchema, { customerId: ADA }), OPENED_MS + 60 * DAY_MS);
  const base = { base: 287 };
  const known = { ...base, verified_number: 20 };
  const paid = { credit_use: 25, payment_history: 10, account_age: 2 };
  expect((await history(ADA)).map(factorsOf)).toEqual([
    base,
    known,
    { ...known, credit_use: 25 },
    { ...known, credit_use: -50 },
    { ...known, credit_use: 5 },
    { ...known, ...paid },
    { ...known, ...paid, refunds: -5 },
    { ...base, ...paid, refunds: -5 },
  ]);
});

test.each([
  CreditLimitChangedSchema,
  PaymentVoidedSchema,
  PaymentExpiredSchema,
  PaymentAuthorizedSchema,
  PaymentCapturedSchema,
  PaymentRecordedSchema,
  PaymentRefundedSchema,
])("$name tells how much of the credit line is in use", async (schema) => {
  const { tell, latest } = await start();
  await tell(create(AccountOpenedSchema, account(ADA)));
  await tell(create(schema, account(ADA, { limit: 100, owed: 90, held: 10 })));
  expect(factorsOf(await latest(ADA))).toMatchObject({ credit_use: -100 });
});

test("an event that changes nothing about the score makes none, and publishes none", async () => {
  const { tell, history, store } = await start();
  await tell(create(AccountOpenedSchema, account(ADA)));
  await tell(create(PaymentAuthorizedSchema, account(ADA, { held: 1 })));
  await tell(create(PaymentVoidedSchema, account(ADA)));
  await tell(create(NumberRegisteredSchema, { customerId: ADA }));
  expect(await history(ADA)).toHaveLength(1);
  expect(await store.events()).toHaveLength(1);
});

test("every score is published, in the transaction that stores it", async () => {
  const { tell, history, store } = await start();
  await tell(create(AccountOpenedSchema, account(ADA)));
  await tell(create(PaymentAuthorizedSchema, account(ADA, { held: 900 })));
  const published = (await store.events()).map(({ payload }) => fromBinary(CreditScoreComputedSchema, payload));
  expect(published.map(({ creditScore }) => creditScore?.id)).toEqual((await history(ADA)).map(({ id }) => id));
});

test("a question finds the score that events have led to, and adds none", async () => {
  const { tell, latest, history } = await start();
  await tell(create(NumberVerifiedSchema, { customerId: ADA }));
  expect(factorsOf(await latest(ADA))).toEqual({ base: 287, verified_number: 20 });
  expect(await history(ADA)).toHaveLength(1);
});

test("a score that was asked for first is followed by those that events lead to", async () => {
  const { tell, latest, history } = await start();
  await latest(ADA);
  await tell(create(NumberVerifiedSchema, { customerId: ADA }));
  expect((await history(ADA)).map(factorsOf)).toEqual([{ base: 287 }, { base: 287, verified_number: 20 }]);
});

test("an event without its account is refused, and nothing of it is kept", async () => {
  const { tell, history, store } = await start();
  await expect(tell(create(PaymentRecordedSchema, {}))).rejects.toThrow(TypeError);
  expect(await store.events()).toEqual([]);
  expect(await history(ADA)).toEqual([]);
});

/** What happens to two customers: a list for each key of each feed, whose order is kept. */
const lives: readonly (readonly Message[])[] = [ADA, EVE].flatMap((customerId) => [
  [
    create(AccountOpenedSchema, account(customerId)),
    create(PaymentAuthorizedSchema, account(customerId, { held: 800 })),
    create(PaymentCapturedSchema, account(customerId, { owed: 700 })),
    create(PaymentRecordedSchema, account(customerId, { owed: 100 })),
    create(PaymentRefundedSchema, account(customerId, { owed: 50 })),
  ],
  [
    create(NumberRegisteredSchema, { customerId }),
    create(NumberVerifiedSchema, { customerId }),
    create(RecordErasedSchema, { customerId }),
    create(NumberRegisteredSchema, { customerId }),
  ],
]);

/** Merges the lists into one by always taking from the list that the next choice names. */
const interleaved = (choices: readonly number[]) => {
  const left = lives.map((life, key) => life.map((message, i) => ({ message, timeMs: OPENED_MS + i * DAY_MS * key })));
  const merged: { message: Message; timeMs: number }[] = [];
  for (let i = 0; ; i++) {
    const waiting = left.filter((life) => life.length > 0);
    const next = waiting[(choices[i % choices.length] ?? 0) % Math.max(1, waiting.length)]?.shift();
    if (next === undefined) return merged;
    merged.push(next);
  }
};

const allInputs = sql<Record<string, never>, Record<string, unknown>>(
  "SELECT * FROM score_inputs ORDER BY customer_id",
);
const allScores = sql<Record<string, never>, Record<string, unknown>>(
  "SELECT * FROM credit_scores ORDER BY customer_id, sequence",
);
const rowsOf = (store: TestStore, statement: typeof allInputs) =>
  store.read(async (reader) => (await reader.all(statement, {})).map((row) => JSON.stringify(row)));

const replay = async (events: readonly { message: Message; timeMs: number }[]) => {
  const service = await start();
  for (const { message, timeMs } of events) await service.tell(message, timeMs);
  return {
    inputs: await rowsOf(service.store, allInputs),
    scores: await rowsOf(service.store, allScores),
    latest: (await Promise.all([ADA, EVE].map(service.latest))).map(({ value, factors }) => ({ value, factors })),
  };
};

test("the same events in the same order fill the tables with the same bytes, scores included", async () => {
  const events = interleaved([2, 1, 0, 3]);
  expect(await replay(events)).toEqual(await replay(events));
});

test("however the keys of the feeds are mixed, the inputs are the same bytes, and the latest scores the same", async () => {
  const { inputs, latest } = await replay(interleaved([0]));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(3), { minLength: 1, maxLength: 18 }), async (choices) => {
      const mixed = await replay(interleaved(choices));
      expect(mixed.inputs).toEqual(inputs);
      expect(mixed.latest).toEqual(latest);
    }),
    { numRuns: 20 },
  );
});
