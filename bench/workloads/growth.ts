import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuMicros } from "../accounts.ts";
import { type Contestant, freePort, OTHER_CORE, startClient, startService } from "../contestant.ts";
import { GROWN_SERVICES, type GrownService, plantSeed, type Seed } from "../growth/grown-mesh.ts";
import { inRounds } from "../rounds.ts";
import { type Row, rowOf, TASKSET, type Workload } from "../row.ts";
import { calibrateClient } from "./client.ts";

/** Rows of the tables that the largest one is compared with, where they are smaller. */
const SMALLER = [1_000, 100_000];

const CALLS: Readonly<Record<GrownService, readonly string[]>> = {
  customer: ["get-customer", "list-customers", "list-customers-deep"],
  order: ["list-orders", "list-orders-deep"],
  billing: ["list-ledger", "list-ledger-deep"],
};

/** The same calls on tables of 1,000, 100,000 and `rows` rows: a key read anywhere, first pages, and pages deep in the list. */
export const growth: Workload = {
  name: "growth",
  tools: [TASKSET],
  async run({ runs, seconds, rows: largest, progress }) {
    const seed = await plantSeed();
    const rows: Row[] = [];
    try {
      for (const service of GROWN_SERVICES) {
        const grown: Grown[] = [];
        try {
          for (const count of [...SMALLER.filter((smaller) => smaller < largest), largest]) {
            const startMs = performance.now();
            grown.push(await startGrown(seed, service, count));
            progress(
              `${service} with ${format(count)} rows after ${Math.round((performance.now() - startMs) / 1000)} s`,
            );
          }
          for (const call of CALLS[service]) rows.push(await measure(call, { grown, seed, runs, seconds, progress }));
        } finally {
          for (const { stop } of grown) await stop();
        }
      }
    } finally {
      seed.remove();
    }
    return rows;
  },
};

/** A service with a table of so many rows. */
interface Grown {
  readonly rows: number;
  readonly server: Contestant;
  stop(): Promise<void>;
}

const startGrown = async (seed: Seed, service: GrownService, rows: number): Promise<Grown> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  const running: Contestant[] = [];
  const stop = async () => {
    for (const contestant of running.toReversed()) await contestant.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    seed.grow(service, folder, rows);
    const env = { HEDDLE_DATA: folder, HEDDLE_PORT: String(await freePort()), HEDDLE_LOG_LEVEL: "info" };
    running.push(await startService("gateway", { env, core: OTHER_CORE }));
    const server = await startService(service, { env });
    running.push(server);
    return { rows, server, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

type Measurement = {
  readonly grown: readonly Grown[];
  readonly seed: Seed;
  readonly runs: number;
  readonly seconds: number;
  readonly progress: (line: string) => void;
};

const measure = async (call: string, { grown, seed, runs, seconds, progress }: Measurement): Promise<Row> => {
  const contestants: Record<string, () => Promise<Figures>> = {};
  const stops: (() => Promise<void>)[] = [];
  try {
    for (const { rows, server } of grown) {
      const args = [server.address, call, String(rows), seed.customerId, seed.accountId];
      const client = await startClient("growth", args, { core: OTHER_CORE });
      stops.push(client.stop);
      const calls = await calibrateClient(client, seconds);
      contestants[nameOf(rows)] = async () => {
        const before = cpuMicros([server.pid]);
        await client.run(calls);
        return { cpuMicrosPerCall: (cpuMicros([server.pid]) - before) / calls };
      };
    }
    progress(call);
    const results = await inRounds(contestants, { runs, progress });
    const ours = nameOf(grown.at(-1)?.rows ?? 0);
    return rowOf(`growth-${call}`, { figure: "cpuMicrosPerCall", unit: "us CPU/call", ours }, results);
  } finally {
    for (const stop of stops) await stop();
  }
};

type Figures = { readonly cpuMicrosPerCall: number };

const format = (rows: number): string => rows.toLocaleString("en-US");
const nameOf = (rows: number): string => `${format(rows)} rows`;
