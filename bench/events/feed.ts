import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { AccountOpenedSchema, PaymentAuthorizedSchema, PaymentCapturedSchema } from "@heddle/contracts/billing/v1";
import { CreditScoreBand, CreditScoreComputedSchema } from "@heddle/contracts/creditscore/v2";
import { CustomerCreatedSchema, CustomerState, CustomerUpdatedSchema } from "@heddle/contracts/customer/v1";
import { OrderConfirmedSchema, OrderFulfilledSchema, OrderPlacedSchema, OrderState } from "@heddle/contracts/order/v1";
import { NumberRegisteredSchema, NumberVerifiedSchema, RecordState } from "@heddle/contracts/socialsecurity/v1";
import { defineService, run } from "@heddle/mesh/service";
import type { Store } from "@heddle/mesh/store";

// The feed of one of the mesh's services, on its own tables, and nothing else of it: `node feed.ts billing`. By IPC `fill:<customers>`
// publishes what happens to so many customers, round after round as in life, each with as many events as `EVENTS_EACH` says.

/** Customers of one transaction. */
const STEP = 500;

const [, , name = ""] = process.argv;
const time = timestampFromMs(1_767_225_600_000);
const id = (prefix: string, customer: number, nth = 0) => `${prefix}_${String(customer * 100 + nth).padStart(26, "0")}`;
const usd = (amount: number) => ({ currencyCode: "USD", minorUnits: BigInt(amount) });

type Publication = readonly [DescMessage, MessageInitShape<DescMessage>];
const event = <E extends DescMessage>(schema: E, message: MessageInitShape<E>): Publication => [
  schema,
  message as MessageInitShape<DescMessage>,
];

const customerOf = (customer: number, revision: number) => ({
  id: id("cus", customer),
  givenName: "Ada",
  familyName: `Lovelace ${revision}`,
  email: `ada${customer}@example.com`,
  phone: "+442071234567",
  state: CustomerState.ACTIVE,
  createTime: time,
});
const accountOf = (customer: number, held: number) => ({
  id: id("acc", customer),
  customerId: id("cus", customer),
  creditLimit: usd(500_000),
  balance: usd(held * 100),
  availableCredit: usd(500_000 - held * 100),
});
const orderOf = (customer: number, nth: number, state: OrderState) => ({
  id: id("ord", customer, nth),
  customerId: id("cus", customer),
  state,
  createTime: time,
});

/** What happens to one customer in the `nth` of its rounds, by the service that publishes it. */
const HISTORIES: Readonly<Record<string, { readonly events: number; of(customer: number, nth: number): Publication }>> =
  {
    customer: {
      events: 5,
      of: (customer, nth) =>
        event(nth === 0 ? CustomerCreatedSchema : CustomerUpdatedSchema, { customer: customerOf(customer, nth) }),
    },
    socialsecurity: {
      events: 2,
      of(customer, nth) {
        const about = { customerId: id("cus", customer), recordId: id("rec", customer) };
        return nth === 0
          ? event(NumberRegisteredSchema, { ...about, state: RecordState.REGISTERED })
          : event(NumberVerifiedSchema, { ...about, state: RecordState.VERIFIED, verifyTime: time });
      },
    },
    billing: {
      events: 21,
      of(customer, nth) {
        const account = accountOf(customer, nth);
        if (nth === 0) return event(AccountOpenedSchema, { account });
        return event(nth % 2 === 1 ? PaymentAuthorizedSchema : PaymentCapturedSchema, { account });
      },
    },
    order: {
      events: 12,
      of(customer, nth) {
        const order = Math.floor(nth / 3);
        if (nth % 3 === 0) return event(OrderPlacedSchema, { order: orderOf(customer, order, OrderState.PENDING) });
        if (nth % 3 === 1)
          return event(OrderConfirmedSchema, { order: orderOf(customer, order, OrderState.CONFIRMED) });
        return event(OrderFulfilledSchema, { order: orderOf(customer, order, OrderState.FULFILLED) });
      },
    },
    creditscore: {
      events: 10,
      of: (customer, nth) =>
        event(CreditScoreComputedSchema, {
          creditScore: {
            customerId: id("cus", customer),
            value: 600 + nth,
            band: CreditScoreBand.GOOD,
            createTime: time,
          },
        }),
    },
  };

const history = HISTORIES[name];
if (history === undefined) throw new Error(`no history of ${name}`);

let store: Store;

await run(
  defineService({
    name,
    version: "1.0.0",
    migrations: new URL(`../../services/${name}/migrations/`, import.meta.url),
    publishes: Array.from({ length: history.events }, (_, nth) => history.of(0, nth)[0]),
    implement(context) {
      store = context.store;
      return { implementations: [] };
    },
  }),
);

const fill = async (customers: number): Promise<number> => {
  for (let nth = 0; nth < history.events; nth++) {
    for (let first = 0; first < customers; first += STEP) {
      await store.write(async (tx) => {
        for (let customer = first; customer < Math.min(customers, first + STEP); customer++) {
          const [schema, message] = history.of(customer, nth);
          await tx.publish(schema, message);
        }
      });
    }
  }
  return customers * history.events;
};

process.on("message", (question: string) => {
  fill(Number(question.split(":")[1])).then((events) => process.send?.(events));
});
