import { type Order, OrderState } from "@heddle/contracts/order/v1";
import { AccessKind, RecordState } from "@heddle/contracts/socialsecurity/v1";
import { held, type Mesh, unless } from "./mesh.ts";
import type { Person } from "./people.ts";
import { requestId } from "./request-id.ts";

/** How far a person's social security number got. */
export type NumberState = "verified" | "mismatched" | "registered" | "none";

/** What became of one person. */
export interface Walk {
  readonly person: Person;
  readonly customerId: string;
  readonly number: NumberState;
  readonly score: number;
  /** Undefined: the person has no account. */
  readonly accountId: string | undefined;
  /** The order of this run, as it ended. */
  readonly order: Order;
  /** Minor units that were paid in this run, in the currency of the order. */
  readonly paidMinorUnits: bigint;
}

/**
 * Takes one person through the job. Each step either is idempotent, or carries a request id that the run and the person make,
 * or is left out where it was taken before.
 */
export const walk = async (mesh: Mesh, person: Person, runId: string): Promise<Walk> => {
  const at = async <T>(step: string, work: Promise<T>): Promise<T> =>
    work.catch((error: Error) => {
      throw new Error(`line ${person.line}, ${person.email}: ${step}: ${error.message}`, { cause: error });
    });
  const customerId = await at("create the customer", createCustomer(mesh, person));
  const number = await at("verify the number", verifyNumber(mesh, person, customerId));
  const score = await at("read the score", readScore(mesh, customerId));
  const accountId = await at("open the account", openAccount(mesh, person, customerId));
  const placed = await at("place the order", placeOrder(mesh, person, { customerId, runId }));
  const order = await at(person.wish, followWish(mesh, person, placed));
  const paidMinorUnits = await at("pay", pay(mesh, person, { order, accountId, runId }));
  return { person, customerId, number, score, accountId, order, paidMinorUnits };
};

const createCustomer = async ({ customers }: Mesh, person: Person): Promise<string> => {
  const { givenName, familyName, email, phone, birthDate, address } = person;
  const request = { givenName, familyName, email, phone, birthDate, address };
  const reply = await unless(
    "CUSTOMER_EMAIL_TAKEN",
    customers.createCustomer({ ...request, requestId: requestId("customer", JSON.stringify(request)) }),
    async () => ({ customer: (await customers.listCustomers({ email })).customers[0] }),
  );
  return held(reply.customer, "customer").id;
};

const verifyNumber = async ({ numbers }: Mesh, person: Person, customerId: string): Promise<NumberState> => {
  if (person.number === "") return "none";
  const known = await unless("RECORD_NOT_FOUND", numbers.getRecord({ customerId }), () => undefined);
  if (known?.record?.state === RecordState.VERIFIED) return "verified";
  if (known === undefined) await numbers.registerNumber({ customerId, number: person.number });
  if (person.numberRepeated === "") return "registered";
  // Wrong numbers are counted and logged: one that was compared before is not handed in again.
  const { accesses } = await numbers.listAccesses({ customerId });
  if (accesses.some(({ kind }) => kind === AccessKind.VERIFY_MISMATCH)) return "mismatched";
  const { matched } = await numbers.verifyNumber({ customerId, number: person.numberRepeated });
  return matched ? "verified" : "mismatched";
};

const readScore = async ({ scores }: Mesh, customerId: string): Promise<number> =>
  held((await scores.getCreditScore({ customerId })).creditScore, "credit score").value;

const openAccount = async (
  { billing }: Mesh,
  { creditLimit }: Person,
  customerId: string,
): Promise<string | undefined> => {
  if (creditLimit === undefined) return undefined;
  const { currencyCode, minorUnits } = creditLimit;
  const reply = await unless(
    "ACCOUNT_ALREADY_EXISTS",
    billing.openAccount({
      customerId,
      creditLimit,
      requestId: requestId("account", customerId, currencyCode, String(minorUnits)),
    }),
    () => billing.getAccount({ lookup: { case: "customerId", value: customerId } }),
  );
  return held(reply.account, "account").id;
};

/** The order of this run, confirmed or rejected. */
const placeOrder = async (
  { orders }: Mesh,
  { lines }: Person,
  { customerId, runId }: { customerId: string; runId: string },
): Promise<Order> => {
  const placed = await orders.placeOrder({
    customerId,
    lines: [...lines],
    requestId: requestId("order", runId, customerId),
  });
  const orderId = held(placed.order, "order").id;
  // The reply to a request id is the first one for ever; the order may have gone on since.
  const current = held((await orders.getOrder({ orderId })).order, "order");
  if (current.state !== OrderState.PENDING) return current;
  for await (const { order } of orders.watchOrder({ orderId }, { timeoutMs: 120_000 })) {
    if (order !== undefined && order.state !== OrderState.PENDING) return order;
  }
  return held((await orders.getOrder({ orderId })).order, "order");
};

const followWish = async ({ orders }: Mesh, { wish }: Person, placed: Order): Promise<Order> => {
  const orderId = placed.id;
  let order = placed;
  if (order.state === OrderState.CONFIRMED && (wish === "fulfil" || wish === "return")) {
    order = held((await orders.fulfilOrder({ orderId })).order, "order");
  }
  if (
    (order.state === OrderState.CONFIRMED && wish === "cancel") ||
    (order.state === OrderState.FULFILLED && wish === "return")
  ) {
    const reason = wish === "cancel" ? "Changed my mind." : "Sent back.";
    order = held((await orders.cancelOrder({ orderId, reason })).order, "order");
  }
  return order;
};

/** What a payment of this run is booked under. */
export const paymentReference = (runId: string, { line }: Person): string => `${runId}:${line}`;

const pay = async (
  { billing }: Mesh,
  person: Person,
  { order, accountId, runId }: { order: Order; accountId: string | undefined; runId: string },
): Promise<bigint> => {
  const total = order.state === OrderState.FULFILLED ? (order.total?.minorUnits ?? 0n) : 0n;
  const minorUnits = (total * BigInt(person.paysPercent)) / 100n;
  if (minorUnits === 0n || accountId === undefined) return 0n;
  await billing.recordPayment({
    accountId,
    amount: { currencyCode: order.total?.currencyCode ?? "", minorUnits },
    reference: paymentReference(runId, person),
    requestId: requestId("payment", runId, order.id),
  });
  return minorUnits;
};
