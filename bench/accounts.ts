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

/** Memory of processes in MB: what is resident, pages that several share divided among them (proc(5), Pss of smaps_rollup). */
export const residentMegabytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const kilobytes = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
    return sum + Number(kilobytes ?? 0) / 1024;
  }, 0);
