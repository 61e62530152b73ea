import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { systemRuntime } from "@heddle/mesh/runtime";
import { ALL_SERVICES } from "../mesh.ts";
import { WORKERS_MAX } from "./life.ts";
import { printReport, reportOf } from "./report.ts";
import { soak } from "./soak.ts";

const USAGE = `usage: make soak [SECONDS=60] [SEED=1] [ARGS="[--workers N] [--replicas N] [--folder FOLDER] [--keep] [--json]"]`;

const SEED_MAX = 2 ** 31 - 1;
/** Processes of one service: more than a machine that runs this has cores for. */
const REPLICAS_MAX = 9;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(1 + systemRuntime().random.below(SEED_MAX)) },
    workers: { type: "string", default: "16" },
    replicas: { type: "string", default: "1" },
    folder: { type: "string" },
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const whole = (text: string, max: number): number => {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= max) return Number(text);
  console.error(`"${text}" is not a whole number from 1 to ${max}\n${USAGE}`);
  return process.exit(2);
};
const seconds = whole(values.seconds, 86_400);
const seed = whole(values.seed, SEED_MAX);
const workers = whole(values.workers, WORKERS_MAX);
const count = whole(values.replicas, REPLICAS_MAX);
const replicas = Object.fromEntries(
  ALL_SERVICES.filter((service) => service !== "gateway").map((service) => [service, count]),
);
const folder = resolve(values.folder ?? mkdtempSync(join(tmpdir(), "heddle-soak-")));
mkdirSync(folder, { recursive: true });
if (readdirSync(folder).length > 0) {
  console.error(`${folder} is not empty: name a folder that is, or none\n${USAGE}`);
  process.exit(2);
}

// An exit, and not the signal's own end, so that no process of the mesh is left behind.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => process.exit(code));

const onTerminal = process.stderr.isTTY;
const progress = (line: string) => process.stderr.write(onTerminal ? `\r\x1b[K${line}` : `${line}\n`);
try {
  const result = await soak({ folder, seed, seconds, workers, replicas, progress });
  if (onTerminal) process.stderr.write("\n");
  const report = reportOf(result);
  console.log(values.json ? JSON.stringify(report, null, 2) : printReport(report));
  if (report.violations > 0 || values.keep) console.error(`data, logs and ledger are in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  process.exitCode = report.violations > 0 ? 1 : 0;
} catch (error) {
  console.error(error);
  console.error(`the run broke off; data, logs and ledger are in ${folder}`);
  process.exitCode = 1;
}
