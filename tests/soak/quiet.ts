import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { type Saga, SagaService, SagaState } from "@heddle/contracts/heddle/saga/v1";
import { OrderService, OrderState } from "@heddle/contracts/order/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { Processes } from "./processes.ts";
import { feedHeads } from "./stores.ts";

/** Milliseconds between looks, and looks in a row that must find nothing moving. */
const LOOK_EVERY_MS = 250;
const QUIET_LOOKS = 8;
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
}): Promise<Quiet> => {
  const { folder, processes, transport, clock, timers } = deps;
  const endMs = clock.monotonicMs() + QUIET_MS_MAX;
  const retried = new Set<string>();
  let before = "";
  let looks = 0;
  let restless: string[] = [];
  while (clock.monotonicMs() < endMs) {
    restless = await whatMoves(processes, transport, retried).catch((error: unknown) => [String(error)]);
    const heads = feedHeads(folder);
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

const whatMoves = async (processes: Processes, transport: Transport, retried: Set<string>): Promise<string[]> => {
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
  return [
    ...orders.map(({ id }) => `order ${id} is pending`),
    ...sagas.map(({ id, name, key, state }) => `saga ${id} (${name} of ${key}) is ${SagaState[state]}`),
  ];
};

const sagaClient = (transport: Transport) => createClient(SagaService, addressedTo(transport, "order"));

/** Sagas of `order` that have not ended; none as long as no service runs sagas. */
const unfinishedSagas = async (transport: Transport): Promise<Saga[]> => {
  const states = [SagaState.RUNNING, SagaState.COMPENSATING, SagaState.PARKED];
  const reply = await unlessUnknown(sagaClient(transport).listSagas({ states, pageSize: 500 }));
  return reply?.sagas ?? [];
};

/** The reply, or undefined where the mesh does not serve the contract. */
export const unlessUnknown = async <T>(reply: Promise<T>): Promise<T | undefined> =>
  reply.catch((error: unknown) => {
    if (ConnectError.from(error).code === Code.Unimplemented) return undefined;
    throw error;
  });
