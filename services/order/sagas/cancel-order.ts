import { defineSaga, type SagaDefinition } from "@heddle/mesh/saga";
import { changeOrder } from "../change-order.ts";
import { cancelledOrder } from "../order.ts";
import type { SagaDeps } from "./deps.ts";

/** What the steps of a cancellation hand on. Its key is the order's id. */
export type Cancellation = {
  readonly authorizationId: string;
  /** Why, for the history. */
  readonly reason: string;
};

/** Milliseconds that its record shows as its time. It is never undone: an order that is to be cancelled is cancelled. */
const CANCELLATION_MS = 10 * 60_000;

/** Cancels an order: billing gives back what is held or was charged, then the order is written down as cancelled. */
export const cancelOrderSaga = (deps: SagaDeps): SagaDefinition<Cancellation> =>
  defineSaga<Cancellation>({
    name: "cancel-order",
    version: 1,
    timeoutMs: CANCELLATION_MS,
    steps: [
      {
        name: "give-back-payment",
        onFailure: "park",
        async action(context) {
          await deps.payment.giveBack(context.state.authorizationId, context);
          return undefined;
        },
      },
      {
        name: "cancel-order",
        onFailure: "park",
        async commit(tx, { key, state }) {
          await changeOrder(deps, tx, key, cancelledOrder, state.reason);
          return undefined;
        },
      },
    ],
  });
