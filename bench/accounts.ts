import { readdirSync, readFileSync } from "node:fs";

/** Microseconds of CPU time that processes have had, all threads together (Linux, `schedstat`: in nanoseconds, not in ticks). */
export const cpuMicros = (pids: readonly number[]): number =>
  pids.reduce(
    (sum, pid) => readdirSync(`/proc/${pid}/task`).reduce((of, thread) => of + threadNanos(pid, thread) / 1000, sum),
    0,
  );

const threadNanos = (pid: number, thread: string): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    // The thread has ended since the folder was read.
    return 0;
  }
};

/**
 * Microseconds of CPU time that processes and all that they have started have had (proc(5), stat: in ticks of 10 ms), those that
 * have ended and were waited for among them.
 */
export const cpuMicrosOfTrees = (pids: readonly number[]): number =>
  treesOf(pids).reduce((sum, pid) => {
    const [user, system, childrensUser, childrensSystem] = statOf(pid).slice(11, 15).map(Number);
    return sum + ((user ?? 0) + (system ?? 0) + (childrensUser ?? 0) + (childrensSystem ?? 0)) * TICK_MICROS;
  }, 0);

/** sysconf(_SC_CLK_TCK), which Linux reports to programs as 100 per second everywhere. */
const TICK_MICROS = 10_000;

/** Processes and all that they have started, and those in turn. */
export const treesOf = (pids: readonly number[]): number[] => {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const parent = statOf(Number(entry))[1];
    if (parent !== undefined) parents.set(Number(entry), Number(parent));
  }
  const found = [...pids];
  for (const parent of found) for (const [child, of] of parents) if (of === parent) found.push(child);
  return found;
};

/** The fields after the name, the process's state first; none when it has ended. */
const statOf = (pid: number): string[] => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
};

/** Memory of processes in MB: what is resident, pages that several share divided among them (proc(5), Pss of smaps_rollup). */
export const residentMegabytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const kilobytes = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
    return sum + Number(kilobytes ?? 0) / 1024;
  }, 0);
