import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DescMessage, JsonObject, JsonValue, MessageShape } from "@bufbuild/protobuf";
import { fromJson, toJson } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  BillingService,
  type GetTrialBalanceResponse,
  GetTrialBalanceResponseSchema,
  type LedgerEntry,
  LedgerEntrySchema,
} from "@heddle/contracts/billing/v1";
import { SubscriptionSchema } from "@heddle/contracts/heddle/events/v1";
import { type Saga, SagaSchema, SagaService } from "@heddle/contracts/heddle/saga/v1";
import { type Order, OrderSchema, OrderService } from "@heddle/contracts/order/v1";
import { type CustomerOverview, CustomerOverviewSchema, OverviewService } from "@heddle/contracts/overview/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import { allSubscriptions, type OwnSubscription } from "./subscriptions.ts";

/** What the services say of themselves once all is quiet. */
export interface Answers {
  readonly trialBalance: GetTrialBalanceResponse;
  readonly ledgerEntries: readonly LedgerEntry[];
  readonly orders: readonly Order[];
  /** Those of the order service. */
  readonly sagas: readonly Saga[];
  /** What every service does with the events of others. */
  readonly subscriptions: readonly OwnSubscription[];
  /** The materialized views. */
  readonly views: readonly CustomerOverview[];
  /** The same customers, composed live. */
  readonly compositions: readonly CustomerOverview[];
}

const answersFile = (folder: string): string => join(folder, "answers.json");

/** Customers that are composed at a time. */
const PARALLEL = 8;

/** Composes each customer once, so that every one has the credit score that the composition asks for. */
export const composeAll = (transport: Transport, customerIds: readonly string[]): Promise<CustomerOverview[]> => {
  const overviews = createClient(OverviewService, transport);
  return inParallel(customerIds, async (customerId) => {
    const { customerOverview } = await overviews.composeCustomerOverview({ customerId });
    if (customerOverview === undefined) throw new Error(`the composition of ${customerId} is empty`);
    return customerOverview;
  });
};

/** Asks the services for all that is compared with their stores. */
export const askAll = async (transport: Transport, customerIds: readonly string[]): Promise<Answers> => {
  const billing = createClient(BillingService, transport);
  const orders = createClient(OrderService, transport);
  const overviews = createClient(OverviewService, transport);
  const sagas = createClient(SagaService, addressedTo(transport, "order"));
  return {
    trialBalance: await billing.getTrialBalance({}),
    ledgerEntries: await allPages(
      (pageToken) => billing.listLedgerEntries({ pageSize: 1000, pageToken }),
      ({ ledgerEntries }) => ledgerEntries,
    ),
    orders: await allPages(
      (pageToken) => orders.listOrders({ pageSize: 500, pageToken }),
      (page) => page.orders,
    ),
    sagas: await allPages(
      (pageToken) => sagas.listSagas({ pageSize: 500, pageToken }),
      (page) => page.sagas,
    ),
    subscriptions: await allSubscriptions(transport),
    views: await allPages(
      (pageToken) => overviews.listCustomerOverviews({ pageSize: 500, pageToken }),
      ({ customerOverviews }) => customerOverviews,
    ),
    compositions: await composeAll(transport, customerIds),
  };
};

/** Keeps the answers beside the data, so that a run can be checked again. */
export const keepAnswers = async (folder: string, answers: Answers): Promise<void> => {
  const json = {
    trialBalance: toJson(GetTrialBalanceResponseSchema, answers.trialBalance),
    ledgerEntries: answers.ledgerEntries.map((entry) => toJson(LedgerEntrySchema, entry)),
    orders: answers.orders.map((order) => toJson(OrderSchema, order)),
    sagas: answers.sagas.map((saga) => toJson(SagaSchema, saga)),
    subscriptions: answers.subscriptions.map(({ service, subscription }) => ({
      service,
      subscription: toJson(SubscriptionSchema, subscription),
    })),
    views: answers.views.map((view) => toJson(CustomerOverviewSchema, view)),
    compositions: answers.compositions.map((composition) => toJson(CustomerOverviewSchema, composition)),
  };
  await writeFile(answersFile(folder), JSON.stringify(json));
};

export const readAnswers = async (folder: string): Promise<Answers> => {
  const json: JsonObject = JSON.parse(await readFile(answersFile(folder), "utf8"));
  return {
    trialBalance: fromJson(GetTrialBalanceResponseSchema, json.trialBalance ?? null),
    ledgerEntries: messages(LedgerEntrySchema, json.ledgerEntries),
    orders: messages(OrderSchema, json.orders),
    sagas: messages(SagaSchema, json.sagas),
    subscriptions: (json.subscriptions as { service: string; subscription: JsonValue }[]).map(
      ({ service, subscription }) => ({ service, subscription: fromJson(SubscriptionSchema, subscription) }),
    ),
    views: messages(CustomerOverviewSchema, json.views),
    compositions: messages(CustomerOverviewSchema, json.compositions),
  };
};

const messages = <D extends DescMessage>(desc: D, json: JsonValue | undefined): MessageShape<D>[] =>
  (json as JsonValue[]).map((one) => fromJson(desc, one));

const allPages = async <P extends { nextPageToken: string }, T>(
  page: (pageToken: string) => Promise<P>,
  itemsOf: (page: P) => readonly T[],
): Promise<T[]> => {
  const items: T[] = [];
  for (let pageToken: string | undefined; pageToken !== ""; ) {
    const next = await page(pageToken ?? "");
    items.push(...itemsOf(next));
    pageToken = next.nextPageToken;
  }
  return items;
};

const inParallel = async <T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return results;
};
