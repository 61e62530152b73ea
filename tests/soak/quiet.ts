import { createClient, type Transport } from "@connectrpc/connect";
import { type Saga, SagaService, SagaState } from "@heddle/contracts/heddle/saga/v1";
import { OrderService, OrderState } from "@heddle/contracts/order/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { Processes } from "./processes.ts";
import { feedHeads } from "./stores.ts";
import { allSubscriptions, behind } from "./subscriptions.ts";

/** Milliseconds between looks, and looks in a row that must find nothing moving. */
const LOOK_EVERY_MS = 250;
const QUIET_LOOKS = 8;
/** Milliseconds between lines of progress about what still moves. */
const TELL_EVERY_MS = 5_000;
/** Milliseconds that the mesh gets to finish what it began: an order that its process forgot is taken up after 20 seconds. */
const QUIET_MS_MAX = 90_000;

/** What the mesh came to. */
export interface Quiet {
  /** Why it is not quiet, when it is not. */
  readonly restless: readonly string[];
  /** Sagas that had to be set going again, as an operator would. */
  readonly retriedSagas: number;
}

/** Waits until every service serves, no order is pending, no saga runs, every subscriber has caught up and no feed grows. */
export const untilQuiet = async (deps: {
  folder: string;
  processes: Processes;
  transport: Transport;
  clock: Clock;
  timers: Timers;
  progress(line: string): void;
}): Promise<Quiet> => {
  const { folder, processes, transport, clock, timers, progress } = deps;
  const endMs = clock.monotonicMs() + QUIET_MS_MAX;
  const retried = new Set<string>();
  let before = "";
  let toldAtMs = clock.monotonicMs();
  let looks = 0;
  let restless: string[] = [];
  while (clock.monotonicMs() < endMs) {
    const feeds = feedHeads(folder);
    const heads = [...feeds].map(([service, last]) => `${service} ${last}`).join(", ");
    restless = await whatMoves({ processes, transport, retried, feeds }).catch((error: unknown) => [String(error)]);
    if (restless.length > 0 && clock.monotonicMs() > toldAtMs + TELL_EVERY_MS) {
      toldAtMs = clock.monotonicMs();
      progress(`waiting: ${restless[0]}${restless.length > 1 ? `, and ${restless.length - 1} more` : ""}`);
    }
    looks = restless.length === 0 && heads === before ? looks + 1 : 0;
    if (looks >= QUIET_LOOKS) return { restless: [], retriedSagas: retried.size };
    before = heads;
    await timers.sleep(LOOK_EVERY_MS);
  }
  return {
    restless: restless.length > 0 ? restless : [`events are still written: ${before}`],
    retriedSagas: retried.size,
  };
};

const whatMoves = async (deps: {
  processes: Processes;
  transport: Transport;
  retried: Set<string>;
  feeds: ReadonlyMap<string, bigint>;
}): Promise<string[]> => {
  const { processes, transport, retried, feeds } = deps;
  const down = processes.services.filter((service) => !processes.ready().includes(service));
  if (down.length > 0) return down.map((service) => `${service} does not serve`);
  const { orders } = await createClient(OrderService, transport).listOrders({
    states: [OrderState.PENDING],
    pageSize: 500,
  });
  const sagas = await unfinishedSagas(transport);
  for (const { id } of sagas.filter(({ state }) => state === SagaState.PARKED)) {
    // Everybody serves again: an operator would now set it going.
    retried.add(id);
    await sagaClient(transport).retrySaga({ sagaId: id });
  }
  const subscriptions = await allSubscriptions(transport);
  return [
    ...subscriptions.flatMap((own) => behind(own, feeds.get(own.subscription.source) ?? 0n) ?? []),
    ...orders.map(({ id }) => `order ${id} is pending`),
    ...sagas.map(({ id, name, key, state }) => `saga ${id} (${name} of ${key}) is ${SagaState[state]}`),
  ];
};

const sagaClient = (transport: Transport) => createClient(SagaService, addressedTo(transport, "order"));

/** Sagas of `order` that have not ended. */
const unfinishedSagas = async (transport: Transport): Promise<Saga[]> => {
  const states = [SagaState.RUNNING, SagaState.COMPENSATING, SagaState.PARKED];
  return (await sagaClient(transport).listSagas({ states, pageSize: 500 })).sagas;
};
