import type { DrillResult } from "./drill.ts";
import type { Held } from "./probe.ts";
import { callsOf, type Failure, failedOf, latencyMs, type StreamCounts, sumOf, type Tally } from "./tally.ts";

/** What is printed of a drill, and given out as JSON. */
export interface Report {
  readonly seconds: number;
  readonly calls: number;
  readonly failed: number;
  readonly restarts: Readonly<Record<string, number>>;
  readonly clients: Readonly<Record<string, ClientReport>>;
  readonly failures: readonly (Failure & { readonly client: string })[];
  readonly streams: StreamCounts;
  readonly held: DrillResult["held"];
  readonly badEnds: readonly string[];
  /** Whether everything is as it must be. */
  readonly isWell: boolean;
  /** What is not. */
  readonly problems: readonly string[];
}

interface ClientReport {
  readonly calls: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

/** Share by which heap and sessions may have grown. */
const GROWTH_MAX = 0.05;

export const reportOf = ({ tookMs, tallies, restarts, held, badEnds }: DrillResult): Report => {
  const sum = sumOf(Object.values(tallies));
  const failed = failedOf(sum);
  const { streams } = sum;
  const problems = [
    ...(failed > 0 ? [`${failed} calls failed`] : []),
    ...(streams.gaps > 0 ? [`streams lack ${streams.gaps} messages`] : []),
    ...(streams.duplicates > 0 ? [`streams brought ${streams.duplicates} messages twice`] : []),
    ...(streams.notServing > 0 ? [`health said ${streams.notServing} times that a service does not serve`] : []),
    ...badEnds.map((end) => `not an orderly end: ${end}`),
    ...Object.entries(held).flatMap(([service, { before, after }]) => grown(service, before, after)),
  ];
  return {
    seconds: Math.round(tookMs / 1_000),
    calls: callsOf(sum),
    failed,
    restarts,
    clients: Object.fromEntries(Object.entries(tallies).map(([client, tally]) => [client, clientReport(tally)])),
    failures: Object.entries(tallies).flatMap(([client, { failures }]) =>
      Object.values(failures).map((failure) => ({ client, ...failure })),
    ),
    streams,
    held,
    badEnds,
    isWell: problems.length === 0,
    problems,
  };
};

const clientReport = (tally: Tally): ClientReport => ({
  calls: callsOf(tally),
  failed: failedOf(tally),
  p50Ms: latencyMs(tally, 0.5),
  p99Ms: latencyMs(tally, 0.99),
  slowestMs: latencyMs(tally, 1),
});

const grown = (service: string, before: Held, after: Held): string[] => [
  ...(after.heapBytes > before.heapBytes * (1 + GROWTH_MAX)
    ? [`the heap of ${service} grew from ${mib(before)} to ${mib(after)}`]
    : []),
  ...(after.sessions > before.sessions * (1 + GROWTH_MAX)
    ? [`the sessions of ${service} grew from ${before.sessions} to ${after.sessions}`]
    : []),
];

const mib = ({ heapBytes }: Held): string => `${(heapBytes / 2 ** 20).toFixed(1)} MiB`;

export const printReport = (report: Report): string => {
  const { streams } = report;
  const restarts = Object.values(report.restarts).reduce((sum, count) => sum + count, 0);
  return [
    `drill: ${report.calls} calls in ${report.seconds} s, ${restarts} restarts, ${report.failed} failed`,
    "",
    ...Object.entries(report.clients).map(
      ([client, { calls, failed, p50Ms, p99Ms, slowestMs }]) =>
        `  ${client.padEnd(8)} ${calls} calls, ${failed} failed; ${p50Ms} ms at the median, ${p99Ms} ms at the 99th percentile, ${slowestMs} ms at most`,
    ),
    "",
    `  streams  ${streams.opened} opened, ${streams.told} told to go elsewhere and taken up, ${streams.messages} messages, ` +
      `${streams.gaps} missing, ${streams.duplicates} twice`,
    ...Object.entries(report.held).map(
      ([service, { before, after }]) =>
        `  ${service.padEnd(8)} heap ${mib(before)} before, ${mib(after)} after; sessions ${before.sessions} before, ${after.sessions} after`,
    ),
    `  restarts ${Object.entries(report.restarts)
      .map(([service, count]) => `${service} ${count}`)
      .join(", ")}`,
    "",
    ...report.failures
      .toSorted((a, b) => b.count - a.count)
      .map(
        ({ client, count, method, code, reason, message, atMs }) =>
          `  ${count} × ${client} ${method}: ${code} ${reason} ${message} (first at ${new Date(atMs).toISOString()})`,
      ),
    ...report.problems.map((problem) => `  NOT WELL: ${problem}`),
    report.isWell ? "nobody noticed" : "",
  ].join("\n");
};
