import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderFulfilledSchema,
  OrderPlacedSchema,
  OrderRejectedSchema,
  OrderService,
} from "@heddle/contracts/order/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService } from "@heddle/mesh/service";
import { attempting } from "./attempt.ts";
import { cancelOrder } from "./handlers/cancel-order.ts";
import { fulfilOrder } from "./handlers/fulfil-order.ts";
import { getOrder } from "./handlers/get-order.ts";
import { listOrderTransitions } from "./handlers/list-order-transitions.ts";
import { listOrders } from "./handlers/list-orders.ts";
import { placeOrder } from "./handlers/place-order.ts";
import { watchOrder } from "./handlers/watch-order.ts";
import { orderNotifier } from "./order-notifier.ts";
import manifest from "./package.json" with { type: "json" };
import { payment } from "./payment.ts";
import { settling } from "./settle.ts";
import { startSettler } from "./settler.ts";
import { orderStore } from "./store.ts";

export const order = defineService({
  name: "order",
  version: manifest.version,
  migrations: new URL("./migrations/", import.meta.url),
  publishes: [OrderPlacedSchema, OrderConfirmedSchema, OrderRejectedSchema, OrderCancelledSchema, OrderFulfilledSchema],
  implement({ store, client, clock, timers, random, ids, log }) {
    const owners = {
      customer: client(CustomerService),
      socialSecurity: client(SocialSecurityService),
      creditScore: client(CreditScoreService),
      billing: client(BillingService),
    };
    const attempt = attempting({ clock, timers, random });
    const tools = { store, owners, attempt, clock, timers, ids, log };
    const own = { orders: orderStore(), notifier: orderNotifier(), payment: payment({ owners, attempt }) };
    const deps = { ...tools, ...own, settle: settling({ ...tools, ...own }) };
    const settler = startSettler(deps);
    return {
      implementations: [
        implementation(OrderService, {
          placeOrder: placeOrder(deps),
          getOrder: getOrder(deps),
          listOrders: listOrders(deps),
          cancelOrder: cancelOrder(deps),
          fulfilOrder: fulfilOrder(deps),
          listOrderTransitions: listOrderTransitions(deps),
          watchOrder: watchOrder(deps),
        }),
      ],
      stop: () => settler.stop(),
    };
  },
});
