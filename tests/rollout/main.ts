// Prints what a deployment under load costs its callers: `make show-rollout`.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HeddleUp, heddleUp, runHeddle } from "../heddle-up.ts";
import { alteredPackage } from "./altered-package.ts";
import { steadyLoad } from "./steady-load.ts";

const CALLERS = 8;
const WATCH = "3s";

const folder = mkdtempSync(join(tmpdir(), "heddle-rollout-"));
const path = (version: string) => join(folder, `customer-${version}.tgz`);

const pids = async (up: HeddleUp): Promise<Map<string, number>> => {
  const { services } = JSON.parse((await up.heddle("status", "--json")).stdout);
  return new Map(services.map(({ service, pid }: { service: string; pid: number }) => [service, pid]));
};

/** Milliseconds from a process being ready to the first call that it has answered. */
const firstCallMs = (up: HeddleUp, process: string): number => {
  const lines = readFileSync(join(up.dataFolder, ".heddle", "logs", `${process}.log`), "utf8")
    .trim()
    .split("\n");
  const timeOf = (msg: string) =>
    Date.parse(lines.map((line) => JSON.parse(line)).find((line) => line.msg === msg)?.time);
  return timeOf("call") - timeOf("ready");
};

const deploy = async (up: HeddleUp, version: string): Promise<void> => {
  const before = await pids(up);
  const load = steadyLoad(up.url, CALLERS);
  const { code, stderr } = await up.heddle("deploy", "customer", "--from", path(version), "--watch", WATCH);
  const { calls, failures } = await load.stop();
  const after = await pids(up);
  const others = [...before].filter(([service]) => service !== "customer");
  const untouched = others.filter(([service, pid]) => after.get(service) === pid).length;
  console.log(`heddle deploy customer ${version}: status ${code}`);
  console.log(`  ${calls} calls by ${CALLERS} callers meanwhile, ${failures.length} failed`);
  console.log(`  ${untouched} of ${others.length} other processes are the same as before`);
  for (const line of stderr.trim().split("\n")) console.log(`  | ${line}`);
};

try {
  console.log((await runHeddle(["pack", "customer", "--output", path("0.1.0")])).stderr.trim());
  const packed = readFileSync(path("0.1.0"));
  writeFileSync(path("0.2.0"), alteredPackage(packed, { version: "0.2.0" }));
  const broken = 'listCustomers: () => { throw new Error("broken"); }';
  const replace = [["main.js", "listCustomers: listCustomers(deps)", broken]] as const;
  writeFileSync(path("0.3.0"), alteredPackage(packed, { version: "0.3.0", replace }));
  const up = await heddleUp("gateway", "customer", "creditscore", "billing");
  try {
    await deploy(up, "0.2.0");
    console.log(`  the new process answered its first call ${firstCallMs(up, "customer#2")} ms after it was ready`);
    await deploy(up, "0.3.0");
  } finally {
    await up.stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
