import type { Account } from "@heddle/contracts/billing/v1";
import { RecordState } from "@heddle/contracts/socialsecurity/v1";
import { scoreFrom } from "../../../services/creditscore/credit-score.ts";
import { byKey, type Check, checking, type Evidence, groupedBy } from "./check.ts";
import { accountIn, numberIn } from "./decode-event.ts";

/** Each customer's latest score is what the model makes of the events: none of them was left out, and none counted twice. */
export const scoresAgree = ({ stores }: Evidence): Check => {
  const check = checking("credit scores are the fold of the events", "customers");
  const told = (stores.events.get("billing") ?? []).flatMap((event) => {
    const account = accountIn(event);
    return account === undefined ? [] : [{ type: event.type, account }];
  });
  const billing = groupedBy(told, ({ account }) => account.customerId);
  const numbers = byKey(
    (stores.events.get("socialsecurity") ?? []).flatMap((event) => numberIn(event) ?? []),
    ({ customerId }) => customerId,
  );
  const latest = byKey(stores.scores, ({ customerId }) => customerId);
  for (const [customerId, { id, value }] of latest) {
    check.look();
    const events = billing.get(customerId) ?? [];
    const count = (type: string) => events.filter((event) => event.type === type).length;
    const expected = scoreFrom({
      customerId,
      paymentCount: count("billing.v1.PaymentRecorded"),
      refundCount: count("billing.v1.PaymentRefunded"),
      numberVerified: numbers.get(customerId)?.state === RecordState.VERIFIED,
      creditUse: creditUse(events.at(-1)?.account),
      // No run lasts a month, from which on it counts.
      accountAgeDays: 0,
    });
    check.expect(
      value === BigInt(expected.value),
      () => `customer ${customerId}: score ${id} is ${value}, its events make ${expected.value}`,
    );
  }
  for (const customerId of [...billing.keys(), ...numbers.keys()]) {
    check.expect(latest.has(customerId), () => `customer ${customerId} has events, and no score`);
  }
  return check.done();
};

/** How much of the line is owed or held; a line of zero is none, unless something is owed. */
const creditUse = (account: Account | undefined): number | undefined => {
  if (account === undefined) return undefined;
  const inUse = Math.max(0, Number(units(account.balance) + units(account.authorizedAmount)));
  const limit = Number(units(account.creditLimit));
  if (limit > 0) return inUse / limit;
  return inUse > 0 ? 1 : undefined;
};

const units = (money: { readonly minorUnits: bigint } | undefined): bigint => money?.minorUnits ?? 0n;
