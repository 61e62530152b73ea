import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** One process, told apart from a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started: clock ticks since boot on Linux, what ps says elsewhere; undefined when nobody can tell. */
  readonly startTicks?: number | undefined;
}

/** The identity of the process that has the number `pid` now. */
export const identify = (pid: number): ProcessIdentity => ({ pid, startTicks: startTicks(pid) });

/** True while exactly this process runs, not another one that inherited its number. A zombie does not run. */
export const isAlive = (identity: ProcessIdentity): boolean => {
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const stat = readStat(identity.pid);
  if (stat === undefined) return true;
  if (stat.state === "Z" || stat.state === "X") return false;
  return identity.startTicks === undefined || stat.startTicks === identity.startTicks;
};

/** Resident memory in bytes, or undefined when the process is gone or there is no /proc. */
export const residentBytes = (pid: number): number | undefined => {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, "status") ?? "");
  return match === null ? undefined : Number(match[1]) * 1024;
};

/** The command line of a process, or undefined when it cannot be read. */
export const commandLine = (pid: number): string | undefined =>
  readProc(pid, "cmdline")?.split("\0").filter(Boolean).join(" ") || undefined;

const startTicks = (pid: number): number | undefined => readStat(pid)?.startTicks;

interface Stat {
  /** One letter; Z is a zombie. */
  readonly state: string;
  readonly startTicks: number;
}

const readStat = (pid: number): Stat | undefined =>
  process.platform === "linux" ? statOfProc(readProc(pid, "stat")) : statOfPs(runPs(pid));

/** proc(5): field 3 is the state, field 22 the start; the name in parentheses before them may itself hold anything. */
const statOfProc = (text: string | undefined): Stat | undefined => {
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", startTicks: Number(fields[19]) };
};

/** Reads `Ss   Sat Nov 21 04:53:13 2026`, as ps prints it by `-o state=,lstart=`; exported for its test. */
export const statOfPs = (text: string | undefined): Stat | undefined => {
  const match = /^(\S)\S*\s+(\S.*)$/.exec(text?.trim() ?? "");
  const startTicks = Date.parse(match?.[2] ?? "");
  return Number.isNaN(startTicks) ? undefined : { state: match?.[1] ?? "", startTicks };
};

const runPs = (pid: number): string | undefined =>
  spawnSync("ps", ["-o", "state=,lstart=", "-p", String(pid)], {
    env: { ...process.env, LC_ALL: "C" },
    encoding: "utf8",
  }).stdout ?? undefined;

const readProc = (pid: number, file: string): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
};
