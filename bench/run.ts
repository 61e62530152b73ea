import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { printRow, updateReadme } from "./report.ts";
import type { Row, Workload } from "./row.ts";
import { client } from "./workloads/client.ts";
import { durableWrites } from "./workloads/durable-writes.ts";
import { getCustomer } from "./workloads/get-customer.ts";
import { idleConnections } from "./workloads/idle-connections.ts";
import { latency } from "./workloads/latency.ts";
import { policies } from "./workloads/policies.ts";
import { relay } from "./workloads/relay.ts";
import { streaming } from "./workloads/streaming.ts";
import { wholeMesh } from "./workloads/whole-mesh.ts";

const WORKLOADS: readonly Workload[] = [
  wholeMesh,
  getCustomer,
  client,
  streaming,
  latency,
  relay,
  idleConnections,
  policies,
  durableWrites,
];
const RESULTS = new URL("./results.json", import.meta.url);

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
  },
});
const unknown = values.only?.filter((only) => WORKLOADS.every(({ name }) => name !== only)) ?? [];
const runs = Number(values.runs);
const seconds = Number(values.seconds);
if (unknown.length > 0 || !Number.isInteger(runs) || runs < 1 || !(seconds > 0)) {
  console.error(
    `usage: make bench ARGS="[--only ${WORKLOADS.map(({ name }) => name).join("|")}] [--runs N] [--seconds N]"`,
  );
  process.exit(2);
}
const chosen = WORKLOADS.filter(({ name }) => values.only === undefined || values.only.includes(name));
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

const rows: Row[] = [];
for (const workload of chosen) {
  console.error(workload.name);
  rows.push(...(await workload.run({ runs, seconds, progress: (line) => console.error(`  ${line}`) })));
}
for (const row of rows) printRow(row);
// A part of the workloads must not pass for all of them.
if (chosen.length === WORKLOADS.length) {
  const results = rows.map((row) => ({ ...row, ratio: ratios(row) }));
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  updateReadme(rows, runs);
}

function ratios({ ours, peers }: Row): Record<string, number> {
  return Object.fromEntries(
    Object.entries(peers).map(([peer, value]) => [peer, Math.round((ours / value) * 1000) / 1000]),
  );
}
