import { OrderState } from "@heddle/contracts/order/v1";
import { defineSaga, refuse, type SagaDefinition } from "@heddle/mesh/saga";
import { changeOrder } from "../change-order.ts";
import { fulfilledOrder } from "../order.ts";
import type { SagaDeps } from "./deps.ts";

/** What the steps of a fulfilment hand on. Its key is the order's id. */
export type Fulfilment = { readonly authorizationId: string };

/** Milliseconds that its record shows as its time. It is never undone: what was charged is charged. */
const FULFILMENT_MS = 10 * 60_000;

/**
 * Fulfils an order: billing charges what it holds, then the order is written down as fulfilled. When a cancellation goes on at the
 * same time, billing decides which of the two comes first, and what was charged is given back by the cancellation.
 */
export const fulfilOrderSaga = (deps: SagaDeps): SagaDefinition<Fulfilment> =>
  defineSaga<Fulfilment>({
    name: "fulfil-order",
    version: 1,
    timeoutMs: FULFILMENT_MS,
    steps: [
      {
        name: "capture-payment",
        onFailure: "park",
        action: (context) => deps.payment.capture(context.state.authorizationId, context),
      },
      {
        name: "fulfil-order",
        onFailure: "park",
        async commit(tx, { key }) {
          const order = await deps.orders.find(tx, key);
          if (order?.state === OrderState.CANCELLED) return refuse("ORDER_CANCELLED");
          await changeOrder(deps, tx, key, fulfilledOrder);
          return undefined;
        },
      },
    ],
  });
