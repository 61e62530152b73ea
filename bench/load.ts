import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** One run of load against a server. */
export interface LoadResult {
  readonly requestsPerSecond: number;
  /** CPU time of the watched processes per request, in microseconds. */
  readonly cpuMicrosPerRequest: number;
}

export interface Load {
  readonly url: string;
  /** A file with the gRPC request: envelope and message. */
  readonly bodyFile: string;
  readonly requests: number;
  /** Processes whose CPU time counts. */
  readonly pids: readonly number[];
}

/** Four connections, 32 streams each. */
const SHAPE = ["-c", "4", "-m", "32"];

/** Sends `requests` calls by h2load from the second core; throws when any of them fails. */
export const runLoad = ({ url, bodyFile, requests, pids }: Load): LoadResult => {
  const before = cpuMicros(pids);
  const output = execFileSync(
    "taskset",
    [
      "-c",
      "1",
      "h2load",
      ...SHAPE,
      "-n",
      String(requests),
      "-d",
      bodyFile,
      "-H",
      "content-type: application/grpc",
      "-H",
      "te: trailers",
      url,
    ],
    { encoding: "utf8" },
  );
  const cpu = cpuMicros(pids) - before;
  const rate = /finished in [^,]+, ([\d.]+) req\/s/.exec(output)?.[1];
  const succeeded = Number(/(\d+) succeeded/.exec(output)?.[1] ?? 0);
  if (rate === undefined || succeeded !== requests)
    throw new Error(`h2load: ${succeeded} of ${requests} succeeded\n${output}`);
  return { requestsPerSecond: Number(rate), cpuMicrosPerRequest: cpu / requests };
};

/** Linux counts CPU time in ticks of 10 ms (proc(5), fields 14 and 15 of stat). */
const TICK_MICROS = 10_000;

const cpuMicros = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
  }, 0);

/** Memory of processes in MB: what is resident, pages that several share divided among them (proc(5), Pss of smaps_rollup). */
export const residentMegabytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const kilobytes = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
    return sum + Number(kilobytes ?? 0) / 1024;
  }, 0);

/** The middle value. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};
