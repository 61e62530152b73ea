import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type Account,
  AccountOpenedSchema,
  CreditLimitChangedSchema,
  PaymentAuthorizedSchema,
  PaymentCapturedSchema,
  PaymentExpiredSchema,
  PaymentRecordedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@heddle/contracts/billing/v1";
import { NumberRegisteredSchema, NumberVerifiedSchema, RecordErasedSchema } from "@heddle/contracts/socialsecurity/v1";
import { type EventHandler, on, type Subscription } from "@heddle/mesh/events";
import type { Clock, Ids } from "@heddle/mesh/runtime";
import { keepScore } from "./keep-score.ts";
import { learned, type News, nothingKnown } from "./known-facts.ts";
import type { CreditScoreStore } from "./store.ts";

interface Deps {
  readonly scores: CreditScoreStore;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** What the events of others make of the scores: each is one transaction with the score that it leads to. */
export const followEvents = (deps: Deps): Subscription[] => [
  {
    from: "billing",
    handlers: [
      ...ACCOUNT_EVENTS.map((event) => learn(deps, event, ofAccount)),
      learn(deps, PaymentRecordedSchema, ({ account }) => tell(account, { payments: 1 })),
      learn(deps, PaymentRefundedSchema, ({ account }) => tell(account, { refunds: 1 })),
    ],
  },
  {
    from: "socialsecurity",
    handlers: [
      learn(deps, NumberRegisteredSchema, ({ customerId }) => ({ customerId, news: { numberVerified: false } })),
      learn(deps, NumberVerifiedSchema, ({ customerId }) => ({ customerId, news: { numberVerified: true } })),
      learn(deps, RecordErasedSchema, ({ customerId }) => ({ customerId, news: { numberVerified: false } })),
    ],
  },
];

/** Those that tell nothing but how the account is. */
const ACCOUNT_EVENTS = [
  AccountOpenedSchema,
  CreditLimitChangedSchema,
  PaymentAuthorizedSchema,
  PaymentCapturedSchema,
  PaymentVoidedSchema,
  PaymentExpiredSchema,
] as const;

interface Told {
  readonly customerId: string;
  readonly news: News;
}

const learn = <E extends DescMessage>(
  { scores, clock, ids }: Deps,
  event: E,
  told: (message: MessageShape<E>) => Told,
): EventHandler =>
  on(event, async (tx, { message, createTime }) => {
    const { customerId, news } = told(message);
    const before = (await scores.findFacts(tx, customerId)) ?? nothingKnown(customerId);
    const facts = learned(before, news, timestampMs(createTime));
    await scores.putFacts(tx, facts);
    await keepScore(tx, { scores, clock, ids }, facts);
  });

const ofAccount = ({ account }: { account?: Account }): Told => tell(account, {});

/** What every event of billing tells: how the account is after it. Throws TypeError for one without an account. */
const tell = (account: Account | undefined, counts: Pick<News, "payments" | "refunds">): Told => {
  const { creditLimit, balance, authorizedAmount, createTime } = account ?? {};
  if (account === undefined || !creditLimit || !balance || !authorizedAmount || !createTime) {
    throw new TypeError("an event of billing does not say how the account is");
  }
  return {
    customerId: account.customerId,
    news: {
      ...counts,
      account: {
        creditLimit: Number(creditLimit.minorUnits),
        creditInUse: Number(balance.minorUnits + authorizedAmount.minorUnits),
        openTimeMs: timestampMs(createTime),
      },
    },
  };
};
