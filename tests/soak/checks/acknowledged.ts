import { AuthService } from "@heddle/contracts/auth/v1";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { RecordState, SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { byKey, type Check, checking, type Evidence, groupedBy } from "./check.ts";

/** Every customer, user, number, account, limit, score and payment that a client was told of is there, with what it was told. */
export const acknowledgedIsThere = ({ ledger, stores }: Evidence): Check => {
  const check = checking(
    "nothing acknowledged is lost: customers, users, numbers, accounts, scores, payments",
    "answers",
  );
  const customers = byKey(stores.customers, ({ id }) => id);
  const accounts = byKey(stores.accounts, ({ id }) => id);
  const scores = byKey(stores.scores, ({ id }) => id);
  const records = groupedBy(stores.records, ({ customerId }) => customerId);
  const bookings = groupedBy(stores.entries, ({ transactionId }) => transactionId);

  for (const { id, request, answers } of ledger.to(CustomerService.method.createCustomer)) {
    for (const { customer } of answers) {
      check.look();
      const stored = customers.get(customer?.id ?? "");
      check.expect(stored !== undefined, () => `${id}: customer ${customer?.id} is lost`);
      check.expect(
        stored === undefined || stored.email === request.email,
        () => `${id}: customer ${customer?.id} has another e-mail address`,
      );
    }
  }
  const { registerNumber, verifyNumber } = SocialSecurityService.method;
  for (const { id, answers } of [...ledger.to(registerNumber), ...ledger.to(verifyNumber)]) {
    for (const { record } of answers) {
      check.look();
      const stored = records.get(record?.customerId ?? "")?.find((one) => one.id === record?.id);
      check.expect(stored !== undefined, () => `${id}: record ${record?.id} is lost`);
      const verified = record?.state === RecordState.VERIFIED;
      check.expect(
        stored === undefined || !verified || stored.verified === 1n,
        () => `${id}: record ${record?.id} was verified, and is not`,
      );
    }
  }
  for (const { id, request, answers } of ledger.to(AuthService.method.registerUser)) {
    for (const { user } of answers) {
      check.look();
      check.expect(
        stores.users.some((stored) => stored.id === user?.id && stored.email === request.email),
        () => `${id}: user ${user?.id} is lost`,
      );
    }
  }
  for (const { id, request, answers } of ledger.to(BillingService.method.openAccount)) {
    for (const { account } of answers) {
      check.look();
      const stored = accounts.get(account?.id ?? "");
      check.expect(
        stored?.customerId === request.customerId && stored.currencyCode === request.creditLimit?.currencyCode,
        () => `${id}: account ${account?.id} is lost, or another's`,
      );
    }
  }
  for (const { id, answers } of ledger.to(CreditScoreService.method.getCreditScore)) {
    for (const { creditScore } of answers) {
      check.look();
      const stored = scores.get(creditScore?.id ?? "");
      check.expect(
        stored?.customerId === creditScore?.customerId && stored?.value === BigInt(creditScore?.value ?? -1),
        () => `${id}: score ${creditScore?.id} is lost, or another`,
      );
    }
  }
  for (const { id, request, answers } of ledger.to(BillingService.method.recordPayment)) {
    for (const { transactionId } of answers) {
      check.look();
      const sides = bookings.get(transactionId) ?? [];
      const { minorUnits, currencyCode } = request.amount ?? {};
      const right = sides.every(
        (side) =>
          side.kind === "payment" &&
          side.accountId === request.accountId &&
          side.amount === minorUnits &&
          side.currencyCode === currencyCode &&
          side.reference === request.reference,
      );
      check.expect(sides.length === 2 && right, () => `${id}: payment ${transactionId} is lost, or another`);
    }
  }
  return check.done();
};

/** Of values that are set again and again, the last one that was acknowledged is in force, or one that was sent after it. */
export const lastWordHolds = ({ ledger, stores }: Evidence): Check => {
  const check = checking("the last acknowledged word holds: credit limits, deletions", "resources");
  const calls = byKey(ledger.calls, ({ id }) => id);
  const { openAccount, setCreditLimit } = BillingService.method;
  const limitsOf = groupedBy(
    [
      ...ledger.to(openAccount).map(({ id, request, answers }) => ({
        id,
        owner: answers[0]?.account?.id ?? "",
        value: request.creditLimit?.minorUnits,
      })),
      ...ledger
        .to(setCreditLimit)
        .map(({ id, request }) => ({ id, owner: request.accountId, value: request.creditLimit?.minorUnits })),
    ],
    ({ owner }) => owner,
  );
  const standing = <T>(words: readonly { readonly id: string; readonly value: T }[]): T[] => {
    const last = words.findLastIndex(({ id }) => (calls.get(id)?.answers.length ?? 0) > 0);
    const sentAfter = words.slice(last + 1).filter(({ id }) => calls.get(id)?.refusals.length === 0);
    return [...words.slice(last, last + 1), ...sentAfter].map(({ value }) => value);
  };
  for (const { id, creditLimit } of stores.accounts) {
    const possible = standing(limitsOf.get(id) ?? []);
    // Opened by a call whose answer nobody heard.
    if (possible.length === 0) continue;
    check.look();
    check.expect(
      possible.includes(creditLimit),
      () => `account ${id} has limit ${creditLimit}, not ${possible.join(" or ")}`,
    );
  }
  const { deleteCustomer, undeleteCustomer } = CustomerService.method;
  const order = new Map(ledger.calls.map(({ id }, index) => [id, index]));
  const deletionsOf = groupedBy(
    [
      ...ledger.to(deleteCustomer).map(({ id, request }) => ({ id, owner: request.customerId, value: 1n })),
      ...ledger.to(undeleteCustomer).map(({ id, request }) => ({ id, owner: request.customerId, value: 0n })),
    ].toSorted((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0)),
    ({ owner }) => owner,
  );
  for (const { id, deleted } of stores.customers) {
    check.look();
    const possible = deletionsOf.has(id) ? standing(deletionsOf.get(id) ?? []) : [0n];
    check.expect(
      possible.includes(deleted),
      () => `customer ${id} is ${deleted === 1n ? "deleted" : "active"}, against the last acknowledged word`,
    );
  }
  return check.done();
};
