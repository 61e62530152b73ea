import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Row, Workload } from "./row.ts";
import { getCustomer } from "./workloads/get-customer.ts";
import { wholeMesh } from "./workloads/whole-mesh.ts";

const WORKLOADS: readonly Workload[] = [wholeMesh, getCustomer];
const RESULTS = new URL("./results.json", import.meta.url);

const { values } = parseArgs({
  options: { only: { type: "string", multiple: true }, runs: { type: "string", default: "5" } },
});
const chosen = WORKLOADS.filter(({ name }) => values.only === undefined || values.only.includes(name));
const runs = Number(values.runs);
if (chosen.length === 0 || !Number.isInteger(runs) || runs < 1) {
  console.error(`usage: make bench ARGS="[--only ${WORKLOADS.map(({ name }) => name).join("|")}] [--runs N]"`);
  process.exit(2);
}
const missing = [...new Set(chosen.flatMap(({ tools }) => tools))].filter(
  (tool) => spawnSync("which", [tool]).status !== 0,
);
if (missing.length > 0) {
  console.error(`missing: ${missing.join(", ")}. On Debian: apt-get install nghttp2-client util-linux`);
  process.exit(1);
}

const rows: Row[] = [];
for (const workload of chosen) {
  console.error(workload.name);
  rows.push(...(await workload.run({ runs, progress: (line) => console.error(`  ${line}`) })));
}
const results = rows.map((row) => ({
  ...row,
  ratio: Object.fromEntries(
    Object.entries(row.peers).map(([peer, value]) => [peer, Math.round((row.ours / value) * 1000) / 1000]),
  ),
}));
for (const { name, ours, unit, peers, ratio } of results) {
  const beside = Object.entries(peers).map(([peer, value]) => `${peer} ${value} (x ${ratio[peer]})`);
  console.log([name.padEnd(26), `${ours} ${unit}`.padEnd(24), ...beside].join("  "));
}
// A part of the workloads must not pass for all of them.
if (chosen.length === WORKLOADS.length) writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
