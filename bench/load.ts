import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuMicros, residentMegabytes } from "./accounts.ts";
import { OTHER_CORE } from "./contestant.ts";
import { percentile } from "./median.ts";

/** One run of load against a server. A type, so that it may pass for a record of numbers. */
export type LoadResult = {
  readonly requestsPerSecond: number;
  /** CPU time of the watched processes per request, in microseconds. */
  readonly cpuMicrosPerRequest: number;
  /** Microseconds from a request to the end of its response that half, and 99 in 100, of them did not exceed. */
  readonly p50: number;
  readonly p99: number;
  /** Memory of the watched processes at the end. */
  readonly megabytes: number;
};

export interface Load {
  readonly url: string;
  /** A file with the gRPC request: envelope and message. */
  readonly bodyFile: string;
  /** Bytes of the body of a response. h2load counts HTTP's status and not gRPC's: an error has none. */
  readonly replyBytes: number;
  /** Processes whose CPU time counts. */
  readonly pids: readonly number[];
  /** By default four connections of 32 streams each. */
  readonly connections?: number;
  readonly streams?: number;
}

/** Sends `requests` calls by h2load from the second core; throws when any of them fails or is not answered in full. */
export const runLoad = (load: Load, requests: number): LoadResult => {
  const { url, bodyFile, replyBytes, pids, connections = 4, streams = 32 } = load;
  const folder = mkdtempSync(join(tmpdir(), "heddle-load-"));
  try {
    const log = join(folder, "requests.tsv");
    const shape = ["-c", `${connections}`, "-m", `${streams}`, "-n", `${requests}`, "-d", bodyFile];
    const headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
    const before = cpuMicros(pids);
    const output = execFileSync(
      "taskset",
      ["-c", String(OTHER_CORE), "h2load", ...shape, ...headers, "--log-file", log, url],
      { encoding: "utf8" },
    );
    const cpu = cpuMicros(pids) - before;
    const megabytes = residentMegabytes(pids);
    const rate = /finished in [^,]+, ([\d.]+) req\/s/.exec(output)?.[1];
    const succeeded = Number(/(\d+) succeeded/.exec(output)?.[1] ?? 0);
    if (rate === undefined || succeeded !== requests)
      throw new Error(`h2load: ${succeeded} of ${requests} to ${url} succeeded\n${output}`);
    const bytes = Number(/\((\d+)\) data/.exec(output)?.[1]);
    if (bytes !== requests * replyBytes)
      throw new Error(`${url} sent ${bytes} bytes to ${requests} requests, not ${replyBytes} to each`);
    const times = responseMicros(readFileSync(log, "utf8"));
    return {
      requestsPerSecond: Number(rate),
      cpuMicrosPerRequest: cpu / requests,
      p50: percentile(times, 50),
      p99: percentile(times, 99),
      megabytes,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Requests that are enough for a first look, and for the compiler to see what is hot. */
const PROBE_REQUESTS = 2_000;

/** Warms a server up; returns the number of requests that it answers in about `seconds`. */
export const calibrate = (load: Load, seconds: number): number => {
  const probed = runLoad(load, PROBE_REQUESTS).requestsPerSecond;
  const warm = runLoad(load, atLeastProbe(probed * seconds)).requestsPerSecond;
  return atLeastProbe(warm * seconds);
};

const atLeastProbe = (requests: number): number => Math.max(Math.ceil(requests), PROBE_REQUESTS);

/** The third column of h2load's log: microseconds until the end of the response. Sorted. */
const responseMicros = (log: string): number[] =>
  log
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.split("\t")[2]))
    .sort((a, b) => a - b);
