import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, OTHER_CORE, startProcess, startService } from "../contestant.ts";
import { median } from "../median.ts";
import { type Row, TASKSET, type Workload } from "../row.ts";

/** Events of one measurement, after a tenth as many to warm up. */
const EVENTS = 1_000;
const WARM_UP = EVENTS / 10;

/**
 * From the acknowledged commit of an event in one service to its effect on the disk of another, one event at a time, each service a
 * process, through the gateway.
 */
export const eventLag: Workload = {
  name: "event-lag",
  tools: [TASKSET],
  async run({ runs, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const running: { stop(): Promise<void> }[] = [];
    try {
      const env = { HEDDLE_DATA: folder, HEDDLE_PORT: String(await freePort()), HEDDLE_LOG_LEVEL: "warn" };
      const beside = { core: OTHER_CORE, env };
      running.push(await startService("gateway", beside));
      const source = await startProcess(["bench/events/source.ts"], beside);
      running.push(source);
      const sink = await startProcess(["bench/events/sink.ts"], { env });
      running.push(sink);
      const halves: number[] = [];
      const most: number[] = [];
      let measured = 0;
      for (let round = 0; round < runs; round++) {
        const committed = (await source.ask(`trickle:${EVENTS + WARM_UP}`)) as number[];
        const effective = (await sink.ask(`times:${measured + committed.length}`)) as number[];
        const lags = committed.map((ms, index) => (effective[measured + index] ?? Number.NaN) - ms).slice(WARM_UP);
        measured += committed.length;
        lags.sort((a, b) => a - b);
        halves.push(lags[Math.floor(lags.length * 0.5)] ?? Number.NaN);
        most.push(lags[Math.floor(lags.length * 0.99)] ?? Number.NaN);
        progress(`p50 ${halves.at(-1)?.toFixed(2)} ms, p99 ${most.at(-1)?.toFixed(2)} ms`);
      }
      return [row("event-lag-p50", median(halves)), row("event-lag-p99", median(most))];
    } finally {
      for (const each of running.toReversed()) await each.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const row = (name: string, ms: number): Row => ({ name, ours: Math.round(ms * 100) / 100, unit: "ms", peers: {} });
