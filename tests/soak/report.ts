import { SagaState } from "@heddle/contracts/heddle/saga/v1";
import { OrderRejectionReason, OrderState } from "@heddle/contracts/order/v1";
import type { Check } from "./checks/check.ts";
import type { LedgerCall } from "./ledger.ts";
import type { SoakResult } from "./soak.ts";

/** What is printed of a run, and given out as JSON. */
export interface Report {
  readonly seed: number;
  readonly seconds: number;
  readonly workers: number;
  readonly struck: Readonly<
    Record<string, { readonly killed: number; readonly stopped: number; readonly restarted: number }>
  >;
  readonly starts: number;
  readonly requests: Readonly<Record<string, RequestCounts>>;
  /** Orders by the state that they ended in. */
  readonly orders: Readonly<Record<string, number>>;
  /** Rejected orders by their reason. */
  readonly rejections: Readonly<Record<string, number>>;
  /** Sagas by how they ended; those that had to be set going again are counted apart. */
  readonly sagas: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
  readonly checks: readonly Check[];
  readonly violations: number;
}

interface RequestCounts {
  /** Requests, each once. */
  readonly requests: number;
  /** Times that they were sent. */
  readonly sent: number;
  readonly acknowledged: number;
  readonly refused: number;
  /** Attempts that ended without an answer. */
  readonly unanswered: number;
  readonly abandoned: number;
}

export const reportOf = (result: SoakResult): Report => {
  const { seed, seconds, workers, starts, ledger, stores, answers, checks } = result;
  const struck = [...result.struck].map(
    ([service, { kill: killed, stop: stopped, restart: restarted }]) =>
      [service, { killed, stopped, restarted }] as const,
  );
  const methods = Map.groupBy(ledger.calls, ({ method }) => method.slice(method.indexOf("/") + 1));
  return {
    seed,
    seconds,
    workers,
    struck: Object.fromEntries(struck),
    starts,
    requests: Object.fromEntries([...methods].map(([method, calls]) => [method, countsOf(calls)])),
    orders: countBy(stores.orders, ({ state }) => nameOf(OrderState, Number(state))),
    rejections: countBy(
      stores.orders.filter(({ rejectionReason }) => rejectionReason !== 0n),
      ({ rejectionReason }) => nameOf(OrderRejectionReason, Number(rejectionReason)),
    ),
    sagas: {
      ...countBy(answers.sagas, ({ state }) => nameOf(SagaState, state)),
      parked_and_retried: result.retriedSagas,
    },
    events: Object.fromEntries([...stores.events].map(([service, events]) => [service, events.length])),
    checks,
    violations: checks.reduce((sum, { violations }) => sum + violations.length, 0),
  };
};

/** Violations of one check that are printed; --json has all. */
const VIOLATIONS_PRINTED_MAX = 12;

export const printReport = (report: Report): string => {
  const { seed, seconds, workers, requests, orders, rejections, sagas, events, checks, violations } = report;
  const rows = (table: Readonly<Record<string, object>>) =>
    Object.entries(table).map(([name, counts]) => [name, ...Object.values(counts).map(String)]);
  return [
    `soak: seed ${seed}, ${seconds} s of chaos, ${workers} customers at a time, ${report.starts} starts of services`,
    "",
    ...table(["struck", "killed", "stopped", "restarted"], [...rows(report.struck), totalOf("all", report.struck)]),
    "",
    ...table(
      ["requests", "made", "sent", "acknowledged", "refused", "unanswered", "abandoned"],
      [...rows(requests), totalOf("all", requests)],
    ),
    "",
    `orders   ${listed(orders)}`,
    `rejected ${listed(rejections)}`,
    `sagas    ${listed(sagas)}`,
    `events   ${listed(events)}`,
    "",
    ...checks.flatMap(printCheck),
    "",
    violations === 0 ? "nothing is broken" : `${violations} violations`,
  ].join("\n");
};

const printCheck = ({ name, checked, unit, violations }: Check): string[] => {
  const more = violations.length - VIOLATIONS_PRINTED_MAX;
  return [
    `  ${violations.length === 0 ? "ok    " : "BROKEN"}  ${name} (${checked} ${unit})`,
    ...violations.slice(0, VIOLATIONS_PRINTED_MAX).map((violation) => `            ${violation}`),
    ...(more > 0 ? [`            and ${more} more`] : []),
  ];
};

const countsOf = (calls: readonly LedgerCall[]): RequestCounts => {
  const sum = (countOf: (call: LedgerCall) => number) => calls.reduce((total, call) => total + countOf(call), 0);
  return {
    requests: calls.length,
    sent: sum(({ sent }) => sent),
    acknowledged: sum(({ answers }) => answers.length),
    refused: sum(({ refusals }) => refusals.length),
    unanswered: sum(({ unanswered }) => unanswered.length),
    abandoned: sum(({ abandoned }) => (abandoned ? 1 : 0)),
  };
};

const countBy = <T>(items: readonly T[], nameOf: (item: T) => string): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(items, nameOf)].map(([name, group]) => [name, group.length]));

const nameOf = (names: Readonly<Record<number, string>>, value: number): string =>
  (names[value] ?? `state ${value}`).toLowerCase();

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name.replaceAll("_", " ")}`)
    .join(", ");

const totalOf = (name: string, rows: Readonly<Record<string, object>>): string[] => {
  const columns = Object.values(rows).map((row) => Object.values(row).map(Number));
  const width = columns[0]?.length ?? 0;
  return [
    name,
    ...Array.from({ length: width }, (_, at) => String(columns.reduce((sum, row) => sum + (row[at] ?? 0), 0))),
  ];
};

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join("  "),
  );
};
