import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Authorization, AuthorizationState, LedgerAccount, LedgerSide } from "@heddle/contracts/billing/v1";
import { expectFailure } from "@heddle/mesh/testing";
import {
  array,
  assert as assertProperty,
  asyncProperty,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  option,
  record,
} from "fast-check";
import { expect, test } from "vitest";
import { restartableBilling } from "./fixtures/restartable-billing.ts";

const CUSTOMER = `cus_${"0".repeat(26)}`;
const LIMIT = 500;

const amount = integer({ min: 1, max: 200 });
const authorize = record({
  verb: constant("authorize" as const),
  amount,
  holdSeconds: integer({ min: 60, max: 300 }),
  reference: nat({ max: 9 }),
});
/** `payment` picks one of the authorizations made so far. */
const settle = record({
  verb: constantFrom("capture" as const, "refund" as const, "void" as const),
  payment: nat(),
  part: option(amount),
});
const pay = record({ verb: constant("pay" as const), amount });
const limit = record({ verb: constant("limit" as const), amount });
const wait = record({ verb: constant("wait" as const), seconds: integer({ min: 1, max: 120 }) });
const sweep = record({ verb: constant("sweep" as const) });
const step = oneof(
  { weight: 4, arbitrary: authorize },
  { weight: 5, arbitrary: settle },
  { weight: 1, arbitrary: pay },
  { weight: 1, arbitrary: limit },
  { weight: 2, arbitrary: wait },
  { weight: 1, arbitrary: sweep },
);
type Step = typeof step extends { generate(...args: never[]): { value: infer S } } ? S : never;

const usd = (minorUnits: number) => ({ currencyCode: "USD", minorUnits: BigInt(minorUnits) });

/** An account, with what its amounts must be by the replies that it gave. */
class Ledgered {
  readonly running: Awaited<ReturnType<typeof restartableBilling>>;
  readonly accountId: string;
  readonly #payments = new Map<string, Authorization>();
  #paid = 0n;

  constructor(running: Awaited<ReturnType<typeof restartableBilling>>, accountId: string) {
    this.running = running;
    this.accountId = accountId;
  }

  /** What the replies so far add up to. */
  get expected() {
    const payments = [...this.#payments.values()];
    const sum = (amounts: (bigint | undefined)[]) => amounts.reduce<bigint>((total, one = 0n) => total + one, 0n);
    const nowMs = this.running.clock.nowMs();
    const held = payments.filter(
      ({ state, expireTime }) =>
        state === AuthorizationState.AUTHORIZED && expireTime !== undefined && timestampMs(expireTime) > nowMs,
    );
    const captured = sum(payments.map(({ capturedAmount }) => capturedAmount?.minorUnits));
    const refunded = sum(payments.map(({ refundedAmount }) => refundedAmount?.minorUnits));
    return {
      authorized: sum(held.map(({ amount }) => amount?.minorUnits)),
      balance: captured - refunded - this.#paid,
    };
  }

  async read() {
    const lookup = { case: "accountId", value: this.accountId } as const;
    const { account } = await this.running.client.getAccount({ lookup });
    return {
      limit: account?.creditLimit?.minorUnits ?? 0n,
      balance: account?.balance?.minorUnits ?? 0n,
      authorized: account?.authorizedAmount?.minorUnits ?? 0n,
      available: account?.availableCredit?.minorUnits ?? 0n,
    };
  }

  /** Takes one step; a refusal is an answer, any other failure is a fault. */
  async take(taken: Step): Promise<"done" | "refused"> {
    try {
      await this.#call(taken);
      return "done";
    } catch (error) {
      const { code } = await expectFailure(Promise.reject(error));
      // RESOURCE_EXHAUSTED: the clock was advanced while the sweep waited for the disk, which makes the store look overloaded.
      expect(["FailedPrecondition", "InvalidArgument", "AlreadyExists", "ResourceExhausted"]).toContain(code);
      return "refused";
    }
  }

  async #call(taken: Step): Promise<void> {
    const { accountId } = this;
    const { client, clock, tick } = this.running;
    if (taken.verb === "wait") clock.advance(taken.seconds * 1000);
    else if (taken.verb === "sweep") tick();
    else if (taken.verb === "limit") await client.setCreditLimit({ accountId, creditLimit: usd(taken.amount) });
    else if (taken.verb === "pay") {
      await client.recordPayment({ accountId, amount: usd(taken.amount) });
      this.#paid += BigInt(taken.amount);
    } else if (taken.verb === "authorize") {
      this.#note(
        await client.authorizePayment({
          payer: { case: "accountId", value: accountId },
          amount: usd(taken.amount),
          reference: `order ${taken.reference}`,
          holdDuration: { seconds: BigInt(taken.holdSeconds) },
        }),
      );
    } else if (this.#payments.size > 0) {
      const authorizationId = [...this.#payments.keys()][taken.payment % this.#payments.size] ?? "";
      const some = { authorizationId, ...(taken.part !== null && { amount: usd(taken.part) }) };
      if (taken.verb === "capture") this.#note(await client.capturePayment(some));
      else if (taken.verb === "refund") this.#note(await client.refundPayment(some));
      else this.#note(await client.voidPayment({ authorizationId }));
    }
  }

  #note({ authorization }: { authorization?: Authorization | undefined }): void {
    if (authorization !== undefined) this.#payments.set(authorization.id, authorization);
  }
}

/** What the ledger says is owed, and that its debits equal its credits. */
const owedByLedger = async ({ running: { client }, accountId }: Ledgered): Promise<bigint> => {
  const { trialBalances } = await client.getTrialBalance({});
  for (const { debitTotal, creditTotal, balanced } of trialBalances) {
    expect(balanced).toBe(true);
    expect(debitTotal).toEqual(creditTotal);
  }
  const { ledgerEntries, nextPageToken } = await client.listLedgerEntries({ accountId, pageSize: 1000 });
  expect(nextPageToken).toBe("");
  return ledgerEntries
    .filter(({ ledgerAccount }) => ledgerAccount === LedgerAccount.RECEIVABLE)
    .reduce((owed, { side, amount }) => {
      const minorUnits = amount?.minorUnits ?? 0n;
      return side === LedgerSide.DEBIT ? owed + minorUnits : owed - minorUnits;
    }, 0n);
};

test("whatever is done, in any order, the books balance and the credit line holds", async () => {
  await assertProperty(
    asyncProperty(array(step, { minLength: 10, maxLength: 50, size: "max" }), async (steps) => {
      const running = await restartableBilling();
      try {
        const { account } = await running.client.openAccount({ customerId: CUSTOMER, creditLimit: usd(LIMIT) });
        const ledgered = new Ledgered(running, account?.id ?? "");
        let before = await ledgered.read();
        for (const taken of steps) {
          const outcome = await ledgered.take(taken);
          const after = await ledgered.read();
          expect(after).toMatchObject(ledgered.expected);
          expect(after.available).toBe(after.limit - after.balance - after.authorized);
          // Less than nothing is available only after the limit was lowered, and then nothing makes it less still.
          if (taken.verb !== "limit" && after.available < 0n) {
            expect(after.available).toBeGreaterThanOrEqual(before.available);
          }
          if (taken.verb === "authorize" && outcome === "done") expect(after.available).toBeGreaterThanOrEqual(0n);
          if (outcome === "refused") expect(after).toEqual(before);
          before = after;
        }
        expect(await owedByLedger(ledgered)).toBe(before.balance);
        // Nothing depends on when the sweep came by.
        running.tick();
        await running.restart(async () => undefined);
        expect(await ledgered.read()).toEqual(before);
      } finally {
        await running.remove();
      }
    }),
    { numRuns: 30 },
  );
});
