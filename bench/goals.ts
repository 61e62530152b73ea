import type { Row } from "./row.ts";

/** What a row should come to. */
export interface Goal {
  readonly row: string;
  /** The peer whose figure is the measure; without one the bound is in the row's own unit. */
  readonly peer?: string;
  /** Ours must be at least so many times the peer's, or at most. */
  readonly bound: "at least" | "at most";
  readonly factor: number;
}

/** The calls that must cost the same however large the table is. */
const GROWTH_CALLS = [
  "get-customer",
  "list-customers",
  "list-customers-deep",
  "list-orders",
  "list-orders-deep",
  "list-ledger",
  "list-ledger-deep",
];

export const GOALS: readonly Goal[] = [
  { row: "get-customer", peer: "grpc-js", bound: "at least", factor: 5 },
  { row: "get-customer", peer: "connect-node", bound: "at least", factor: 25 },
  // The same in CPU time, which other programs on the machine disturb less.
  { row: "get-customer-cpu", peer: "grpc-js", bound: "at most", factor: 1 / 5 },
  { row: "get-customer-cpu", peer: "connect-node", bound: "at most", factor: 1 / 25 },
  { row: "client", peer: "grpc-js", bound: "at least", factor: 6 },
  { row: "client", peer: "connect-node", bound: "at least", factor: 15 },
  { row: "streaming", peer: "grpc-js", bound: "at least", factor: 5 },
  { row: "latency-p50", peer: "grpc-js", bound: "at most", factor: 1 },
  { row: "latency-p99", peer: "grpc-js", bound: "at most", factor: 1 },
  { row: "relay-cpu", peer: "nginx", bound: "at most", factor: 1 },
  { row: "relay-cpu", peer: "haproxy", bound: "at most", factor: 1.5 },
  { row: "slow-replica-p99", peer: "all healthy", bound: "at most", factor: 1.5 },
  { row: "slow-replica-extra", bound: "at most", factor: 5 },
  { row: "durable-writes-64", peer: "commit each", bound: "at least", factor: 50 },
  { row: "policies", peer: "policies off", bound: "at least", factor: 0.9 },
  { row: "overload-2", peer: "best", bound: "at least", factor: 0.9 },
  { row: "overload-5", peer: "best", bound: "at least", factor: 0.9 },
  { row: "overload-10", peer: "best", bound: "at least", factor: 0.9 },
  { row: "retry-storm", bound: "at most", factor: 1.25 },
  { row: "retry-storm-down", bound: "at most", factor: 1.25 },
  { row: "idle-connections", bound: "at most", factor: 20 },
  { row: "event-replay", bound: "at least", factor: 100_000 },
  { row: "event-lag-p99", bound: "at most", factor: 20 },
  { row: "endpoint-change-p99", bound: "at most", factor: 100 },
  { row: "strangers-slowest", bound: "at most", factor: 200 },
  { row: "start-processes", bound: "at most", factor: 1.5 },
  { row: "start-single-process", bound: "at most", factor: 0.4 },
  { row: "memory-processes", bound: "at most", factor: 500 },
  { row: "memory-single-process", bound: "at most", factor: 150 },
  { row: "place-order", peer: "restate", bound: "at least", factor: 5 },
  { row: "place-order", peer: "dbos", bound: "at least", factor: 5 },
  ...GROWTH_CALLS.map((call) => ({
    row: `growth-${call}`,
    peer: "1,000 rows",
    bound: "at most" as const,
    factor: 1.3,
  })),
];

/** For instance `at least 5 x grpc-js: 5.7 met`; one for each goal that the row has. */
export const verdicts = (row: Row): string[] =>
  GOALS.filter((goal) => goal.row === row.name).map(({ peer, bound, factor }) => {
    const reached = peer === undefined ? row.ours : row.ours / (row.peers[peer] ?? Number.NaN);
    const isMet = bound === "at least" ? reached >= factor : reached <= factor;
    const measure = peer === undefined ? row.unit : `x ${peer}`;
    return `${bound} ${factor} ${measure}: ${Number(reached.toPrecision(3))} ${isMet ? "met" : "missed"}`;
  });
