import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { drill } from "./drill.ts";
import { isGoInstalled } from "./go-client.ts";
import { printReport, reportOf } from "./report.ts";

const USAGE = `usage: make drill [CALLS=1000000] [RESTARTS=20] [ARGS="[--replicas N] [--clients heddle,grpc-js,grpc-go] [--folder FOLDER] [--keep] [--json]"]`;
const CLIENTS = ["heddle", "grpc-js", "grpc-go"];

const refuse = (problem: string): never => {
  console.error(`${problem}\n${USAGE}`);
  return process.exit(2);
};
const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "1000000" },
    restarts: { type: "string", default: "20" },
    replicas: { type: "string", default: "2" },
    clients: { type: "string", default: CLIENTS.join(",") },
    folder: { type: "string" },
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const whole = (text: string, min: number, max: number): number =>
  /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max
    ? Number(text)
    : refuse(`"${text}" is not a whole number from ${min} to ${max}`);
const [calls, restarts, replicas] = [
  whole(values.calls, 1, 1e9),
  whole(values.restarts, 0, 10_000),
  whole(values.replicas, 1, 8),
];
const clients = values.clients.split(",");
for (const client of clients) if (!CLIENTS.includes(client)) refuse(`there is no client "${client}"`);
if (clients.includes("grpc-go") && !(await isGoInstalled()))
  refuse(`grpc-go needs Go (apt-get install golang-go); without it: ARGS="--clients heddle,grpc-js"`);
const folder = resolve(values.folder ?? mkdtempSync(join(tmpdir(), "heddle-drill-")));
mkdirSync(folder, { recursive: true });
if (readdirSync(folder).length > 0) refuse(`${folder} is not empty: name a folder that is, or none`);

// An exit, and not the signal's own end, so that no process of the mesh is left behind.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => process.exit(code));

const onTerminal = process.stderr.isTTY;
const progress = (line: string) => process.stderr.write(onTerminal ? `\r\x1b[K${line}` : `${line}\n`);
try {
  const report = reportOf(await drill({ calls, restarts, replicas, clients, folder, progress }));
  if (onTerminal) process.stderr.write("\n");
  console.log(values.json ? JSON.stringify(report, null, 2) : printReport(report));
  if (!report.isWell || values.keep) console.error(`data and logs are in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  process.exitCode = report.isWell ? 0 : 1;
} catch (error) {
  console.error(error);
  console.error(`the drill broke off; data and logs are in ${folder}`);
  process.exitCode = 1;
}
