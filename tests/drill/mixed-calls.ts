import { type CallOptions, createClient, type Transport } from "@connectrpc/connect";
import { AuthService } from "@heddle/contracts/auth/v1";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { OverviewService } from "@heddle/contracts/overview/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { seededRandom, seededUuid } from "../soak/seeded-random.ts";
import { ORDER_LINES, type Prepared } from "./prepare.ts";

/** One call of the mix. */
export interface MixedCall {
  /** `package.Service/Method`. */
  readonly method: string;
  readonly isStream: boolean;
  /** Rejects with the call's error, and with one of its own where the answer is not what it must be. */
  run(options: CallOptions): Promise<void>;
}

/** The answer is not the one that it must be. */
export class WrongAnswer extends Error {}

/** How often each call comes, in the mix of all; about 2 in 100 write. */
const SHARES = {
  getCustomer: 28,
  getOrder: 20,
  getAccount: 12,
  getCreditScore: 9,
  getRecord: 6,
  getOverview: 10,
  listCustomers: 3,
  getSigningKeys: 4,
  watchEnded: 5,
  createCustomer: 2,
  placeOrder: 1,
} as const;

/** Calls without an end, of every service: reads, creations by request id of which some are sent twice, streams that end. */
export function* mixedCalls(transport: Transport, prepared: Prepared, name: string): Generator<MixedCall, never> {
  const random = seededRandom(1, name);
  const clients = {
    auth: createClient(AuthService, transport),
    billing: createClient(BillingService, transport),
    creditscore: createClient(CreditScoreService, transport),
    customer: createClient(CustomerService, transport),
    order: createClient(OrderService, transport),
    overview: createClient(OverviewService, transport),
    socialsecurity: createClient(SocialSecurityService, transport),
  };
  const deck = some(
    (Object.keys(SHARES) as (keyof typeof SHARES)[]).flatMap((kind) =>
      new Array<keyof typeof SHARES>(SHARES[kind]).fill(kind),
    ),
  );
  const [customers, ended] = [some(prepared.customerIds), some(prepared.endedOrderIds)];
  for (let count = 0; ; count++) {
    const customerId = random.pick(customers);
    const orderId = random.pick(ended);
    const requestId = seededUuid(1, `${name} ${count}`);
    const isTwice = random.oneIn(2);
    const unary = (method: string, run: MixedCall["run"]): MixedCall => ({ method, isStream: false, run });
    switch (random.pick(deck)) {
      case "getCustomer":
        yield unary("customer.v1.CustomerService/GetCustomer", async (options) => {
          const { customer } = await clients.customer.getCustomer({ customerId }, options);
          expectEqual(customer?.id, customerId);
        });
        break;
      case "getOrder":
        yield unary("order.v1.OrderService/GetOrder", async (options) => {
          const { order } = await clients.order.getOrder({ orderId }, options);
          expectEqual(order?.id, orderId);
        });
        break;
      case "getAccount":
        yield unary("billing.v1.BillingService/GetAccount", async (options) => {
          const lookup = { case: "customerId", value: customerId } as const;
          const { account } = await clients.billing.getAccount({ lookup }, options);
          expectEqual(account?.customerId, customerId);
        });
        break;
      case "getCreditScore":
        yield unary("creditscore.v2.CreditScoreService/GetCreditScore", async (options) => {
          await clients.creditscore.getCreditScore({ customerId }, options);
        });
        break;
      case "getRecord":
        yield unary("socialsecurity.v1.SocialSecurityService/GetRecord", async (options) => {
          await clients.socialsecurity.getRecord({ customerId }, options);
        });
        break;
      case "getOverview":
        yield unary("overview.v1.OverviewService/GetCustomerOverview", async (options) => {
          await clients.overview.getCustomerOverview({ customerId }, options);
        });
        break;
      case "listCustomers":
        yield unary("customer.v1.CustomerService/ListCustomers", async (options) => {
          const { customers: page } = await clients.customer.listCustomers({ pageSize: 2 }, options);
          expectEqual(page.length, 2);
        });
        break;
      case "getSigningKeys":
        yield unary("auth.v1.AuthService/GetSigningKeys", async (options) => {
          await clients.auth.getSigningKeys({}, options);
        });
        break;
      case "watchEnded":
        yield {
          method: "order.v1.OrderService/WatchOrder",
          isStream: true,
          async run(options) {
            let transitions = 0;
            for await (const _ of clients.order.watchOrder({ orderId }, options)) transitions++;
            expectEqual(transitions, prepared.endedTransitions);
          },
        };
        break;
      case "createCustomer":
        yield unary("customer.v1.CustomerService/CreateCustomer", async (options) => {
          const email = `${name}-${count}@drill.example`;
          const request = { givenName: "Ada", familyName: "Created", email, requestId };
          const create = async () => (await clients.customer.createCustomer(request, options)).customer?.id;
          const id = await create();
          if (isTwice) expectEqual(await create(), id);
        });
        break;
      case "placeOrder":
        yield unary("order.v1.OrderService/PlaceOrder", async (options) => {
          const request = { customerId, lines: ORDER_LINES, requestId };
          const place = async () => (await clients.order.placeOrder(request, options)).order?.id;
          const id = await place();
          if (isTwice) expectEqual(await place(), id);
        });
        break;
    }
  }
}

const some = <T>([first, ...others]: readonly T[]): readonly [T, ...T[]] => {
  if (first === undefined) throw new Error("nothing was prepared");
  return [first, ...others];
};

const expectEqual = (got: unknown, wanted: unknown): void => {
  if (got !== wanted) throw new WrongAnswer(`got ${got}, wanted ${wanted}`);
};
