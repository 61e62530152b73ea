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
import { customerEvents } from "./customer-events.ts";
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
import { cancelOrderSaga } from "./sagas/cancel-order.ts";
import { fulfilOrderSaga } from "./sagas/fulfil-order.ts";
import { placeOrderSaga } from "./sagas/place-order.ts";
import { orderStore } from "./store.ts";
import { takeUpPending } from "./take-up-pending.ts";

export const order = defineService({
  name: "order",
  version: manifest.version,
  migrations: new URL("./migrations/", import.meta.url),
  publishes: [OrderPlacedSchema, OrderConfirmedSchema, OrderRejectedSchema, OrderCancelledSchema, OrderFulfilledSchema],
  async implement({ store, client, clock, ids, sagas: declare }) {
    const owners = {
      customer: client(CustomerService),
      socialSecurity: client(SocialSecurityService),
      creditScore: client(CreditScoreService),
      billing: client(BillingService),
    };
    const orders = orderStore();
    const sagaDeps = { orders, owners, payment: payment(owners), clock };
    const placement = placeOrderSaga(sagaDeps);
    const cancellation = cancelOrderSaga(sagaDeps);
    const fulfilment = fulfilOrderSaga(sagaDeps);
    const sagas = declare([placement, cancellation, fulfilment]);
    const deps = { orders, store, sagas, placement, cancellation, fulfilment, clock, ids };
    await takeUpPending(deps);
    return {
      implementations: [
        implementation(OrderService, {
          placeOrder: placeOrder(deps),
          getOrder: getOrder(deps),
          listOrders: listOrders(deps),
          cancelOrder: cancelOrder(deps),
          fulfilOrder: fulfilOrder(deps),
          listOrderTransitions: listOrderTransitions(deps),
          watchOrder: watchOrder({ ...deps, notifier: orderNotifier(store) }),
        }),
      ],
      subscriptions: [customerEvents({ ...deps, customers: owners.customer })],
    };
  },
});
