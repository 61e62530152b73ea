import type { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import type { ReportUsageRequest } from "@heddle/contracts/heddle/usage/v1";
import { methodName } from "@heddle/mesh/contract";
import type { Logger } from "@heddle/mesh/observe";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import { type Counted, createUsageTally, DRAIN_PERIOD_MS } from "@heddle/mesh/usage";
import type { Checkpoint, EdgeCall } from "../edge/edge.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type Consumers, createConsumers, isProven } from "./consumers.ts";
import { createDeprecations, type Deprecations } from "./deprecations.ts";
import { DAY_MS, KEPT_DAYS, ROWS_PER_WRITE } from "./limits.ts";
import { reportedRows } from "./reported-rows.ts";
import type { Consumer, UsageRow } from "./usage-rows.ts";

/** The record of who uses what. What was counted is in the store within two seconds, which is what a crash may lose. */
export interface Usage {
  /** Counts each call that gets to it: to be the last one. Tells callers what is deprecated. */
  readonly checkpoint: Checkpoint;
  /** Counts a call that another checkpoint refused. */
  refused(call: EdgeCall, error: ConnectError): void;
  /** Counts what a service has counted itself, once. */
  report(consumer: Consumer, report: ReportUsageRequest): Promise<void>;
  /** Writes what was counted so far. */
  flush(): Promise<void>;
  readonly consumers: Pick<Consumers, "named">;
  readonly deprecations: Pick<Deprecations, "since">;
  /** Writes what is left, and counts no more. */
  stop(): Promise<void>;
}

export interface UsageDeps {
  readonly store: Store;
  readonly usage: UsageStore;
  readonly contracts: Contracts;
  /** Whether the gateway serves a service itself: such calls do not pass here, but for those by REST, and none is counted. */
  readonly isOwn: (service: string) => boolean;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
}

/** Rows that wait for a store that takes nothing; those beyond are lost. */
const WAITING_MAX = 20_000;

/** Goes on where the store says. */
export const startUsage = async ({ store, usage, contracts, isOwn, clock, timers, log }: UsageDeps): Promise<Usage> => {
  const remembered = () => store.read((reader) => usage.consumers(reader));
  let consumers = createConsumers(await remembered());
  const known = await store.read((reader) => usage.deprecations(reader));
  const deprecations = createDeprecations(known, { clock, log });
  const tally = createUsageTally({ other: consumers.other, isExempt: isProven });
  let waiting: UsageRow[] = [];
  let isLosing = false;
  let deprecated = new Map<string, number>();
  let notedVersion = -1;
  let purgedDay = -1;
  let running: Promise<void> | undefined;

  const today = () => Math.floor(clock.nowMs() / DAY_MS);
  const collect = () => {
    if (notedVersion !== contracts.version()) {
      notedVersion = contracts.version();
      deprecations.note(contracts.packages());
    }
    deprecated = new Map([...deprecated, ...deprecations.takeNew()]);
    const at = { day: today(), timeMs: clock.nowMs() };
    for (const counted of tally.drain()) waiting.push(rowOf(counted, at));
    const lost = waiting.length - WAITING_MAX;
    if (lost <= 0) return;
    waiting = waiting.slice(lost);
    if (!isLosing) log.warn({ rows: lost }, "usage is lost: the store takes nothing");
    isLosing = true;
  };
  /** Once a day: what is old goes, and those who went make room. */
  const purge = async () => {
    const day = today();
    if (purgedDay === day) return;
    await store.write((tx) => usage.purge(tx, day - KEPT_DAYS));
    consumers = createConsumers(await remembered());
    tally.forget();
    purgedDay = day;
  };
  const write = async () => {
    try {
      collect();
      await purge();
      while (waiting.length > 0 || deprecated.size > 0) {
        const rows = waiting.slice(0, ROWS_PER_WRITE);
        const elements = deprecated;
        await store.write(async (tx) => {
          await usage.add(tx, rows);
          await usage.addDeprecations(tx, elements);
        });
        waiting = waiting.slice(rows.length);
        deprecated = new Map();
        isLosing = false;
      }
    } catch (error) {
      log.warn({ err: error }, "usage is not written yet");
    }
  };
  /** One after the other. What was counted before the call is written when it resolves. */
  const flush = (): Promise<void> => {
    const next = (running ?? Promise.resolve()).then(write).finally(() => {
      if (running === next) running = undefined;
    });
    running = next;
    return next;
  };
  const timer = timers.every(DRAIN_PERIOD_MS, () => {
    // One that waits writes this as well.
    if (running === undefined) void flush();
  });
  const counterOf = ({ method, headers, facts }: EdgeCall) =>
    tally.counterOf(method, consumers.of(headers, facts.caller));

  return {
    checkpoint: {
      prepare(call) {
        if (isOwn(call.method.parent.typeName)) return undefined;
        const counter = counterOf(call);
        call.facts.sampler = counter;
        call.facts.answerFields.push(...deprecations.answerFields(call.method));
        return () => {
          counter.count();
          return undefined;
        };
      },
    },
    refused(call, error) {
      if (!isOwn(call.method.parent.typeName)) counterOf(call).refuse(reasonOf(error));
    },
    async report(consumer, report) {
      const day = today();
      const rows = reportedRows(report, consumer, contracts, { day, timeMs: clock.nowMs() });
      const { instanceId, sequence } = report;
      await store.write(async (tx) => {
        const isNew = await usage.takeReport(tx, { instanceId, sequence: Number(sequence), day });
        if (isNew) await usage.add(tx, rows);
      });
    },
    flush,
    consumers: { named: (...consumer) => consumers.named(...consumer) },
    deprecations,
    async stop() {
      timer.cancel();
      await flush();
    },
  };
};

const reasonOf = (error: ConnectError): string =>
  error.findDetails(ErrorInfoSchema)[0]?.reason ?? codeToString(error.code).toUpperCase();

const rowOf = ({ method, consumer, ...counted }: Counted<Consumer>, at: { day: number; timeMs: number }): UsageRow => ({
  ...at,
  consumer,
  method: methodName(method),
  calls: counted.calls,
  samples: counted.samples,
  refusals: Array.from(counted.refusals, ([reason, calls]) => ({ reason, calls })),
  fields: Array.from(counted.fields, ([{ message, number }, samples]) => ({ message, number, samples })),
});
