import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMicrosOfTrees, residentMegabytes, treesOf } from "../accounts.ts";
import { MEASURED_CORE, OTHER_CORE, startClient, startPeer } from "../contestant.ts";
import { startOrderMesh } from "../order-mesh.ts";
import { CHECKS } from "../peers/place-order/flow.ts";
import { findPostgres, startPostgres } from "../postgres.ts";
import { restateMissing, startRestate } from "../restate.ts";
import { inRounds } from "../rounds.ts";
import { type Row, rowOf, TASKSET, type Workload } from "../row.ts";
import { calibrateClient } from "./client.ts";

/** Customers that order in turns, so that none of their accounts is what everybody waits for. */
const BUYERS = 64;

/** Milliseconds in which what an order leaves to be done after its answer is done, events among it: that counts too. */
const SETTLE_MS = 500;

/** An order over five services that are all durable; 32 orders at a time. */
export const placeOrder: Workload = {
  name: "place-order",
  tools: [TASKSET],
  async run({ runs, seconds, progress }) {
    const notMeasured = Object.fromEntries(
      Object.entries({ restate: restateMissing(), dbos: dbosMissing() }).filter(([, why]) => why !== undefined),
    ) as Record<string, string>;
    const stops: (() => Promise<void>)[] = [];
    try {
      const contestants: Record<string, () => Promise<Figures>> = {};
      for (const [name, start] of Object.entries(CONTESTANTS)) {
        if (name in notMeasured) continue;
        const contestant = await start();
        stops.push(contestant.stop);
        const client = await startClient(contestant.client, contestant.clientArgs, { core: OTHER_CORE });
        stops.push(client.stop);
        const orders = await calibrateClient(client, seconds);
        contestants[name] = async () => {
          const before = cpuMicrosOfTrees(contestant.pids);
          const { seconds: took, p50, p99 } = await client.run(orders);
          await sleep(SETTLE_MS);
          const cpuMicros = cpuMicrosOfTrees(contestant.pids) - before;
          return {
            ordersPerCore: (orders / cpuMicros) * 1e6,
            ordersPerSecond: orders / took,
            cpuMicrosPerOrder: cpuMicros / orders,
            p50,
            p99,
            megabytes: residentMegabytes(treesOf(contestant.pids)),
          };
        };
      }
      const results = await inRounds(contestants as Record<keyof typeof CONTESTANTS, () => Promise<Figures>>, {
        runs,
        progress,
      });
      const row = (name: string, figure: keyof Figures, unit: string): Row => ({
        ...rowOf(name, { figure, unit, ours: "heddle" }, results),
        ...(Object.keys(notMeasured).length > 0 && { notMeasured }),
      });
      return [
        row("place-order", "ordersPerCore", "orders/s per core"),
        row("place-order-rate", "ordersPerSecond", "orders/s"),
        row("place-order-cpu", "cpuMicrosPerOrder", "us CPU/order"),
        row("place-order-p50", "p50", "us"),
        row("place-order-p99", "p99", "us"),
        row("place-order-memory", "megabytes", "MB"),
      ];
    } finally {
      for (const stop of stops.toReversed()) await stop();
    }
  },
};

/** What is missing to run DBOS here, with the next step. */
const dbosMissing = (): string | undefined =>
  findPostgres() === undefined ? "PostgreSQL is not installed: apt-get install postgresql" : undefined;

type Figures = {
  readonly ordersPerCore: number;
  readonly ordersPerSecond: number;
  readonly cpuMicrosPerOrder: number;
  readonly p50: number;
  readonly p99: number;
  readonly megabytes: number;
};

/** All processes of one contestant, and the client that orders from it. */
interface OrderContestant {
  readonly pids: readonly number[];
  /** The client's file in `bench/clients/`. */
  readonly client: string;
  readonly clientArgs: readonly string[];
  stop(): Promise<void>;
}

type Stoppable = { readonly pid: number; stop(): Promise<void> };

const heddle = async (): Promise<OrderContestant> => {
  const mesh = await startOrderMesh();
  const stop = async () => {
    await mesh.stop();
    mesh.remove();
  };
  try {
    const buyers: string[] = [];
    for (let number = 1; number <= BUYERS; number++) buyers.push(await mesh.createBuyer(number));
    const address = mesh.services.get("order")?.address ?? "";
    return { pids: mesh.pids, client: "place-order", clientArgs: [address, ...buyers], stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Starts the side services, and what `startOrders` starts before or beside the order service, which comes last. */
const peer = async (
  path: string,
  startOrders: (addresses: readonly string[], running: Stoppable[]) => Promise<string>,
): Promise<OrderContestant> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  const running: Stoppable[] = [];
  const stop = async () => {
    for (const contestant of running.toReversed()) await contestant.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const addresses: string[] = [];
    for (const name of [...CHECKS, "billing"]) {
      const args = [name, join(folder, `${name}.db`), String(BUYERS)];
      const service = await startPeer("place-order/side-service", args);
      running.push(service);
      addresses.push(`${name}=${service.address}`);
    }
    const address = await startOrders(addresses, running);
    const pids = running.map(({ pid }) => pid);
    return { pids, client: "place-order-http", clientArgs: [address, path, String(BUYERS)], stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

const CONTESTANTS = {
  heddle,
  restate: () =>
    peer("/order/ORDER/place", async (addresses, running) => {
      const restate = await startRestate();
      running.push(restate);
      const orders = await startPeer("place-order/restate-order", addresses);
      running.push(orders);
      await restate.register(orders.address);
      return restate.address;
    }),
  dbos: () =>
    peer("/", async (addresses, running) => {
      const postgres = await startPostgres(findPostgres() ?? "", { core: MEASURED_CORE });
      running.push(postgres);
      const orders = await startPeer("place-order/dbos-order", [postgres.url, ...addresses], {
        // DBOS uses pg in a way that pg warns of.
        nodeOptions: ["--disable-warning=DeprecationWarning"],
      });
      running.push(orders);
      return orders.address;
    }),
} satisfies Record<string, () => Promise<OrderContestant>>;
