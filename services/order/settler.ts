import { OrderState } from "@heddle/contracts/order/v1";
import type { Logger } from "@heddle/mesh/observe";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { Settle } from "./settle.ts";
import type { OrderStore } from "./store.ts";

/** Milliseconds between looks for orders that are due. */
const PERIOD_MS = 1_000;
/** Orders that are taken up at a time: the other services have better things to do. */
const BATCH_MAX = 8;
/** Milliseconds that one attempt at an order may take. */
const SETTLE_MS_MAX = 30_000;
/** Milliseconds from the end of one attempt at an order to the next; doubled each time, up to the maximum. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;

/**
 * Milliseconds after which a pending order is due, from its placement: longer than the call that places it can last, so that
 * it is taken up only when that call has ended without an end.
 */
export const DUE_AFTER_PLACEMENT_MS = 20_000;
/** Milliseconds after which an order is due that its call left pending. */
export const DUE_AFTER_CALL_MS = 1_000;

/** Finishes, in the background, the orders that no call finishes: after a crash, and where a service did not answer. */
export const startSettler = ({
  orders,
  store,
  clock,
  timers,
  log,
  settle,
}: {
  orders: OrderStore;
  store: Store;
  clock: Clock;
  timers: Timers;
  log: Logger;
  settle: Settle;
}): { stop(): Promise<void> } => {
  const stopped = new AbortController();
  let running: Promise<void> | undefined;

  const settleOne = async ({ id, attempts }: { id: string; attempts: number }): Promise<void> => {
    const nowMs = clock.nowMs();
    // Nobody else takes it up until this attempt has ended, which its patience sees to, or its process has.
    const claimed = await store.write((tx) => orders.claim(tx, id, { nowMs, nextMs: nowMs + 2 * SETTLE_MS_MAX }));
    if (!claimed) return;
    const { state } = await settle(id, { endMs: clock.monotonicMs() + SETTLE_MS_MAX, signal: stopped.signal });
    log.info({ orderId: id, attempts: attempts + 1, state: OrderState[state] }, "a pending order was taken up");
    if (state !== OrderState.PENDING) return;
    const backoffMs = Math.min(RETRY_MS_MIN * 2 ** attempts, RETRY_MS_MAX);
    await store.write((tx) => orders.postpone(tx, id, clock.nowMs() + backoffMs));
  };
  const settleDue = async (): Promise<void> => {
    const due = await store.read((reader) => orders.listDue(reader, clock.nowMs(), BATCH_MAX));
    await Promise.all(
      due.map((order) =>
        settleOne(order).catch((error: unknown) => {
          log.warn({ orderId: order.id, err: error }, "a pending order could not be taken up");
        }),
      ),
    );
  };
  const timer = timers.every(PERIOD_MS, () => {
    if (running !== undefined) return;
    running = settleDue()
      .catch((error: unknown) => log.warn({ err: error }, "pending orders could not be looked for"))
      .finally(() => {
        running = undefined;
      });
  });
  return {
    async stop() {
      timer.cancel();
      stopped.abort(new Error("the service stops"));
      await running;
    },
  };
};
