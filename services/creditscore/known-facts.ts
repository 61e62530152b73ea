import type { ScoreInputs } from "./credit-score.ts";

/** What events have told of a customer. Amounts are minor units of one currency, times milliseconds since the Unix epoch. */
export interface KnownFacts {
  readonly customerId: string;
  /** Counts payments that came in. */
  readonly paymentCount: number;
  /** Counts refunds that were given. */
  readonly refundCount: number;
  readonly account: KnownAccount | undefined;
  readonly numberVerified: boolean;
  /** When the latest of the events was made, by its owner's clock; 0 before the first. */
  readonly asOfMs: number;
}

export interface KnownAccount {
  readonly creditLimit: number;
  /** Owed and held; negative when more was paid than owed. */
  readonly creditInUse: number;
  readonly openTimeMs: number;
}

/** What is known of a customer before the first event. */
export const nothingKnown = (customerId: string): KnownFacts => ({
  customerId,
  paymentCount: 0,
  refundCount: 0,
  account: undefined,
  numberVerified: false,
  asOfMs: 0,
});

/** What an event changes of what is known; counts are how many more there are. */
export interface News {
  readonly payments?: number;
  readonly refunds?: number;
  readonly account?: KnownAccount;
  readonly numberVerified?: boolean;
}

/**
 * What is known after an event that was made at `timeMs`. Events of two services come in any order, so that the time of one may
 * lie before that of another: time never goes back, and the same events give the same facts however they are mixed.
 */
export const learned = (facts: KnownFacts, news: News, timeMs: number): KnownFacts => ({
  customerId: facts.customerId,
  paymentCount: facts.paymentCount + (news.payments ?? 0),
  refundCount: facts.refundCount + (news.refunds ?? 0),
  account: news.account ?? facts.account,
  numberVerified: news.numberVerified ?? facts.numberVerified,
  asOfMs: Math.max(facts.asOfMs, timeMs),
});

/** What the model is asked with. */
export const scoreInputs = ({ account, asOfMs, ...facts }: KnownFacts): ScoreInputs => ({
  customerId: facts.customerId,
  paymentCount: facts.paymentCount,
  refundCount: facts.refundCount,
  numberVerified: facts.numberVerified,
  creditUse: account && creditUse(account),
  // Of the latest event, not of now: the same events give the same score, whenever they are applied.
  accountAgeDays: account === undefined ? 0 : Math.max(0, asOfMs - account.openTimeMs) / DAY_MS,
});

const DAY_MS = 24 * 60 * 60 * 1000;

/** A line of zero is none, unless something is owed: then it is used up. */
const creditUse = ({ creditLimit, creditInUse }: KnownAccount): number | undefined => {
  const inUse = Math.max(0, creditInUse);
  if (creditLimit > 0) return inUse / creditLimit;
  return inUse > 0 ? 1 : undefined;
};
