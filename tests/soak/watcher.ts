import { createClient, type Transport } from "@connectrpc/connect";
import { OrderService } from "@heddle/contracts/order/v1";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { LedgerWriter } from "./ledger.ts";

/** Clients that follow orders by WatchOrder, and go on after the last transition that they saw whenever a stream breaks. */
export interface Watcher {
  watch(orderId: string): void;
  /** Lets go of the streams that have not ended by themselves. */
  stop(): Promise<void>;
}

/** Milliseconds from the end of a stream to the next one. */
const AGAIN_AFTER_MS = 200;

export const createWatcher = (deps: {
  transport: Transport;
  ledger: LedgerWriter;
  clock: Clock;
  timers: Timers;
}): Watcher => {
  const { ledger, clock, timers } = deps;
  const orders = createClient(OrderService, deps.transport);
  const stopped = new AbortController();
  const { signal } = stopped;
  const watching: Promise<void>[] = [];

  /** True when the stream ended as one that has told all. */
  const follow = async (orderId: string, from: { after: bigint }): Promise<boolean> => {
    try {
      for await (const { transition } of orders.watchOrder({ orderId, afterSequence: from.after }, { signal })) {
        if (transition === undefined) continue;
        const { sequence, toState } = transition;
        await ledger.write({ kind: "watched", atMs: clock.nowMs(), orderId, sequence: Number(sequence), toState });
        from.after = sequence;
      }
      return true;
    } catch {
      return false;
    }
  };
  const watch = async (orderId: string): Promise<void> => {
    const from = { after: 0n };
    while (!signal.aborted) {
      if (await follow(orderId, from)) {
        await ledger.write({ kind: "watch-ended", atMs: clock.nowMs(), orderId });
        return;
      }
      await timers.sleep(AGAIN_AFTER_MS, signal).catch(() => undefined);
    }
  };

  return {
    watch: (orderId) => void watching.push(watch(orderId)),
    async stop() {
      stopped.abort();
      await Promise.all(watching);
    },
  };
};
