import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { conditionsOf, printRow, updateReadme } from "./report.ts";
import { readResults, withRows, writeResults } from "./results.ts";
import type { Workload } from "./row.ts";
import { client } from "./workloads/client.ts";
import { durableWrites } from "./workloads/durable-writes.ts";
import { endpointChange } from "./workloads/endpoint-change.ts";
import { eventLag } from "./workloads/event-lag.ts";
import { eventReplay } from "./workloads/event-replay.ts";
import { getCustomer } from "./workloads/get-customer.ts";
import { growth } from "./workloads/growth.ts";
import { idleConnections } from "./workloads/idle-connections.ts";
import { latency } from "./workloads/latency.ts";
import { overload } from "./workloads/overload.ts";
import { placeOrder } from "./workloads/place-order.ts";
import { policies } from "./workloads/policies.ts";
import { relay } from "./workloads/relay.ts";
import { retryStorm } from "./workloads/retry-storm.ts";
import { slowReplica } from "./workloads/slow-replica.ts";
import { strangers } from "./workloads/strangers.ts";
import { streaming } from "./workloads/streaming.ts";
import { wholeMesh } from "./workloads/whole-mesh.ts";

const WORKLOADS: readonly Workload[] = [
  wholeMesh,
  getCustomer,
  client,
  streaming,
  latency,
  relay,
  slowReplica,
  strangers,
  idleConnections,
  policies,
  overload,
  retryStorm,
  growth,
  placeOrder,
  durableWrites,
  eventLag,
  eventReplay,
  endpointChange,
];
const NAMES = WORKLOADS.map(({ name }) => name);
/** Rows of the largest table, by default. */
const GROWTH_ROWS = 10_000_000;
/** Fewer would not fill two pages of one customer's, and the rows are dealt out evenly. */
const GROWTH_ROWS_STEP = 1_000;
const [RUNS, SECONDS] = [5, 3];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", multiple: true, default: [] },
    runs: { type: "string", default: String(RUNS) },
    seconds: { type: "string", default: String(SECONDS) },
    rows: { type: "string", default: String(GROWTH_ROWS) },
  },
});
const only = [...values.only, ...positionals];
const unknown = only.filter((wanted) => !NAMES.includes(wanted));
const runs = Number(values.runs);
const seconds = Number(values.seconds);
const rows = Number(values.rows);
const isCount = (value: number, least: number) => Number.isSafeInteger(value) && value >= least;
if (unknown.length > 0 || !isCount(runs, 1) || !(seconds > 0) || !isCount(rows / GROWTH_ROWS_STEP, 1)) {
  const names = WORKLOADS.map(({ name }) => name).join("|");
  console.error(
    `usage: make bench ARGS="[${names}]... [--runs N] [--seconds N] [--rows N]"; --rows: of growth, a multiple of ${GROWTH_ROWS_STEP}`,
  );
  process.exit(2);
}
const chosen = WORKLOADS.filter(({ name }) => only.length === 0 || only.includes(name));
const missing = new Map(
  chosen
    .flatMap(({ tools }) => tools)
    .filter(({ command }) => spawnSync("which", [command]).status !== 0)
    .map(({ command, debianPackage }) => [command, debianPackage]),
);
if (missing.size > 0) {
  const packages = [...new Set(missing.values())].join(" ");
  console.error(`missing: ${[...missing.keys()].join(", ")}. On Debian: apt-get install ${packages}`);
  process.exit(1);
}

// What was measured for less time, or less of it, must not pass for the whole.
const isWhole = runs >= RUNS && seconds >= SECONDS && rows === GROWTH_ROWS && process.env.HEDDLE_WIRE === undefined;
const failed: string[] = [];
for (const workload of chosen) {
  console.error(workload.name);
  try {
    const measured = await workload.run({ runs, seconds, rows, progress: (line) => console.error(`  ${line}`) });
    for (const row of measured) printRow(row);
    if (!isWhole) continue;
    const part = { workload: workload.name, conditions: conditionsOf(runs), rows: measured };
    const results = withRows(readResults(), part, NAMES);
    writeResults(results);
    updateReadme(results);
  } catch (error) {
    console.error(error);
    failed.push(workload.name);
  }
}
if (!isWhole)
  console.error(
    `nothing was written: that takes at least --runs ${RUNS} --seconds ${SECONDS}, --rows ${GROWTH_ROWS}, and no HEDDLE_WIRE`,
  );
if (failed.length > 0) {
  console.error(`not measured: ${failed.join(", ")}; again by make bench ARGS="${failed.join(" ")}"`);
  process.exitCode = 1;
}
