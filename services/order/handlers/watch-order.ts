import type { OrderService } from "@heddle/contracts/order/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { ORDER_NOT_FOUND } from "../errors.ts";
import { isFinal } from "../order.ts";
import type { OrderNotifier } from "../order-notifier.ts";
import type { Deps } from "./deps.ts";

/** Transitions that are read at a time. An order has a handful in its life. */
const READ_MAX = 100;

/** Sends the transitions of an order from the table, so that none is left out and none comes twice, until the order is final. */
export const watchOrder = ({
  orders,
  store,
  notifier,
}: Pick<Deps, "orders" | "store"> & { readonly notifier: OrderNotifier }): Handler<
  typeof OrderService.method.watchOrder
> =>
  async function* ({ orderId, afterSequence }, { signal }) {
    // Listens before it looks: a change in between is not missed.
    const changes = listening(notifier, orderId, signal);
    try {
      for (let after = afterSequence; !signal.aborted; await changes.next()) {
        const { order, transitions } = await store.read(async (reader) => ({
          order: await orders.find(reader, orderId),
          transitions: await orders.listTransitions(reader, orderId, after, READ_MAX),
        }));
        if (order === undefined) throw fail(ORDER_NOT_FOUND, { orderId });
        for (const transition of transitions) {
          yield { transition, order };
          after = transition.sequence;
        }
        if (transitions.length === READ_MAX) changes.again();
        else if (isFinal(order.state)) return;
      }
    } finally {
      changes.stop();
    }
  };

/** Waits for the next sign of a change; signs that come while nobody waits count as one. */
const listening = (notifier: OrderNotifier, orderId: string, signal: AbortSignal) => {
  let changed = false;
  let wake: (() => void) | undefined;
  const again = () => {
    changed = true;
    wake?.();
  };
  const forget = notifier.listen(orderId, again);
  signal.addEventListener("abort", again, { once: true });
  return {
    again,
    async next(): Promise<void> {
      if (!changed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      changed = false;
      wake = undefined;
    },
    stop(): void {
      forget();
      signal.removeEventListener("abort", again);
    },
  };
};
