import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { CreditScoreService as V1 } from "@heddle/contracts/creditscore/v1";
import {
  CreditScoreBand,
  CreditScoreComputedSchema,
  CreditScoreFactorKind,
  CreditScoreService as V2,
} from "@heddle/contracts/creditscore/v2";
import { systemRuntime } from "@heddle/mesh/runtime";
import { eventsAfter, openStore, type SqliteStore, sql } from "@heddle/mesh/store";
import { expectFailure, fakeClock, startTestService } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { bandOf, scoreFrom } from "./credit-score.ts";
import { nothingKnown, scoreInputs } from "./known-facts.ts";
import { creditScore } from "./service.ts";
import { creditScoreStore } from "./store.ts";

const ADA = `cus_${"0".repeat(25)}1`;
const EVE = `cus_${"0".repeat(25)}2`;
const runtime = { ...systemRuntime(), clock: fakeClock() };

const freshFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-creditscore-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const start = async (dataFolder = freshFolder()) => {
  const service = await startTestService(creditScore, { runtime, dataFolder });
  onTestFinished(() => service.stop());
  return { v1: service.client(V1), v2: service.client(V2), stop: () => service.stop() };
};

/** Looks at, or prepares, the database of a service that does not run. */
const withStore = async <T>(dataFolder: string, work: (store: SqliteStore) => Promise<T>): Promise<T> => {
  const store = await openStore({
    path: join(dataFolder, "creditscore", "creditscore.db"),
    name: "creditscore",
    migrations: new URL("./migrations/", import.meta.url),
    runtime,
  });
  return work(store).finally(() => store.close());
};

/** A service whose first customer has `values` as its scores, in that order. */
const startWithHistory = async (values: readonly number[]) => {
  const dataFolder = freshFolder();
  const scores = creditScoreStore();
  await withStore(dataFolder, (store) =>
    store.write(async (tx) => {
      for (const value of values) {
        const score = { ...scoreFrom(scoreInputs(nothingKnown(ADA))), value, band: bandOf(value) };
        await scores.append(tx, {
          ...score,
          id: runtime.ids.next("scr"),
          customerId: ADA,
          createTime: runtime.clock.now(),
        });
      }
    }),
  );
  return start(dataFolder);
};

test("a customer that nobody knows gets its first score when it is asked for, and keeps it", async () => {
  const { v2 } = await start();
  const { creditScore: first } = await v2.getCreditScore({ customerId: ADA });
  const expected = scoreFrom(scoreInputs(nothingKnown(ADA)));
  expect(first?.id).toMatch(/^scr_[0-9a-hjkmnp-tv-z]{26}$/);
  expect(first).toMatchObject({
    customerId: ADA,
    value: expected.value,
    band: CreditScoreBand.FAIR,
    factors: [{ kind: CreditScoreFactorKind.BASE, points: expected.value - 300 }],
    modelVersion: "2026.2",
    createTime: runtime.clock.now(),
  });
  expect((await v2.getCreditScore({ customerId: ADA })).creditScore).toEqual(first);
});

test("v1 and v2 tell the same value under the same id, whichever was asked first", async () => {
  const { v1, v2 } = await start();
  for (const [customerId, order] of [
    [ADA, "v1 first"],
    [EVE, "v2 first"],
  ] as const) {
    if (order === "v2 first") await v2.getCreditScore({ customerId });
    const { creditScore: one } = await v1.getCreditScore({ customerId });
    const { creditScore: two } = await v2.getCreditScore({ customerId });
    expect(one).toMatchObject({ id: two?.id, customerId, score: two?.value, createTime: two?.createTime });
  }
});

test("v1 and v2 list the same history", async () => {
  const { v1, v2 } = await startWithHistory([500, 600, 850, 300]);
  const { creditScores: one } = await v1.listCreditScores({ customerId: ADA });
  const { creditScores: two } = await v2.listCreditScores({ customerId: ADA });
  expect(one.map(({ score }) => score)).toEqual([300, 850, 600, 500]);
  expect(two.map(({ id, value }) => [id, value])).toEqual(one.map(({ id, score }) => [id, score]));
});

test("thirty concurrent questions for a first score store one, and publish one event", async () => {
  const dataFolder = freshFolder();
  const { v1, v2, stop } = await start(dataFolder);
  const replies = await Promise.all(
    Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? v1 : v2).getCreditScore({ customerId: ADA })),
  );
  expect(new Set(replies.map(({ creditScore }) => creditScore?.id)).size).toBe(1);
  expect((await v1.listCreditScores({ customerId: ADA })).creditScores).toHaveLength(1);
  await stop();
  const events = await withStore(dataFolder, (store) => store.read((reader) => eventsAfter(reader, 0n)));
  expect(events.map(({ type, key }) => [type, key])).toEqual([["creditscore.v2.CreditScoreComputed", ADA]]);
  const { creditScore: published } = fromBinary(CreditScoreComputedSchema, events[0]?.payload ?? new Uint8Array());
  expect(published?.id).toBe(replies[0]?.creditScore?.id);
});

test("a question for the latest score returns the last one, although an earlier was higher", async () => {
  const { v1, v2 } = await startWithHistory([800, 420]);
  expect((await v1.getCreditScore({ customerId: ADA })).creditScore?.score).toBe(420);
  expect((await v2.getCreditScore({ customerId: ADA })).creditScore?.band).toBe(CreditScoreBand.POOR);
});

test("the scores of a customer without any are an empty list, and listing makes none", async () => {
  const { v1, v2 } = await start();
  expect(await v1.listCreditScores({ customerId: ADA })).toMatchObject({ creditScores: [], nextPageToken: "" });
  expect(await v2.listCreditScores({ customerId: ADA })).toMatchObject({ creditScores: [], nextPageToken: "" });
});

test.each(["v1", "v2"] as const)(
  "%s pages hold every score once, latest first, and those of no other customer",
  async (version) => {
    const values = [310, 320, 330, 340, 350, 360, 370];
    const clients = await startWithHistory(values);
    await clients.v1.getCreditScore({ customerId: EVE });
    const seen: string[] = [];
    for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
      const reply = await clients[version].listCreditScores({ customerId: ADA, pageSize: 3, pageToken });
      expect(reply.creditScores.length).toBeLessThanOrEqual(3);
      seen.push(...reply.creditScores.map(({ id }) => id));
      pageToken = reply.nextPageToken;
    }
    expect(seen).toHaveLength(values.length);
    expect(seen).toEqual(seen.toSorted().toReversed());
  },
);

test("a page that ends with the list has no token", async () => {
  const { v1 } = await startWithHistory([310, 320, 330]);
  expect((await v1.listCreditScores({ customerId: ADA, pageSize: 3 })).nextPageToken).toBe("");
});

test("pages are at most 500 long, and 50 unless asked", async () => {
  const { v2 } = await startWithHistory(Array.from({ length: 502 }, () => 600));
  expect((await v2.listCreditScores({ customerId: ADA })).creditScores).toHaveLength(50);
  expect((await v2.listCreditScores({ customerId: ADA, pageSize: 1000 })).creditScores).toHaveLength(500);
});

test("a list by bands leaves the others out, over all pages", async () => {
  const { v2 } = await startWithHistory([300, 600, 700, 579, 580, 850]);
  const bands = [CreditScoreBand.POOR, CreditScoreBand.EXCELLENT];
  const first = await v2.listCreditScores({ customerId: ADA, bands, pageSize: 2 });
  expect(first.creditScores.map(({ value }) => value)).toEqual([850, 579]);
  const rest = await v2.listCreditScores({ customerId: ADA, bands, pageSize: 2, pageToken: first.nextPageToken });
  expect(rest.creditScores.map(({ value }) => value)).toEqual([300]);
  expect(rest.nextPageToken).toBe("");
});

test("a page token of another list, or of the other version, is refused", async () => {
  const { v1, v2 } = await startWithHistory([300, 600]);
  const { nextPageToken: pageToken } = await v2.listCreditScores({ customerId: ADA, pageSize: 1 });
  const refused = { code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID", fields: ["page_token"] };
  const bands = [CreditScoreBand.POOR];
  expect(await expectFailure(v2.listCreditScores({ customerId: ADA, bands, pageToken }))).toMatchObject(refused);
  expect(await expectFailure(v2.listCreditScores({ customerId: EVE, pageToken }))).toMatchObject(refused);
  expect(await expectFailure(v2.listCreditScores({ customerId: ADA, pageToken: "x" }))).toMatchObject(refused);
  expect(await expectFailure(v1.listCreditScores({ customerId: ADA, pageToken }))).toMatchObject({
    ...refused,
    domain: "creditscore.v1",
  });
});

test("requests that break a rule are refused by the field, in both versions", async () => {
  const { v1, v2 } = await start();
  const refused = (field: string, domain: string) => ({
    code: "InvalidArgument",
    reason: "VALIDATION_FAILED",
    domain,
    fields: [field],
  });
  expect(await expectFailure(v1.getCreditScore({ customerId: "ada" }))).toMatchObject(
    refused("customer_id", "creditscore.v1"),
  );
  expect(await expectFailure(v2.getCreditScore({}))).toMatchObject(refused("customer_id", "creditscore.v2"));
  expect(await expectFailure(v1.listCreditScores({ customerId: ADA, pageSize: -1 }))).toMatchObject(
    refused("page_size", "creditscore.v1"),
  );
  expect(
    await expectFailure(v2.listCreditScores({ customerId: ADA, bands: [CreditScoreBand.UNSPECIFIED] })),
  ).toMatchObject(refused("bands[0]", "creditscore.v2"));
});

test("scores are still there after a restart", async () => {
  const dataFolder = freshFolder();
  const before = await start(dataFolder);
  const { creditScore: score } = await before.v2.getCreditScore({ customerId: ADA });
  await before.stop();
  runtime.clock.advance(60_000);
  const after = await start(dataFolder);
  expect((await after.v2.getCreditScore({ customerId: ADA })).creditScore).toEqual(score);
});

test("the database refuses to change a score", async () => {
  const dataFolder = freshFolder();
  const service = await start(dataFolder);
  await service.v2.getCreditScore({ customerId: ADA });
  await service.stop();
  const raise = sql("UPDATE credit_scores SET value = 850");
  const change = withStore(dataFolder, (store) => store.write((tx) => tx.run(raise, {})));
  await expect(change).rejects.toThrow("a credit score never changes");
});
