import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OTHER_CORE, startProcess, startService } from "../contestant.ts";
import { median, percentile } from "../median.ts";
import { type Row, TASKSET, type Workload } from "../row.ts";

const INSTANCES = 1_000;
const WATCHERS = 20;
/** Changes of one measurement: half of them instances that come, half that go. */
const CHANGES = 100;

/** From an instance that comes or goes to each of those who call it, among a thousand others: through the gateway's registry. */
export const endpointChange: Workload = {
  name: "endpoint-change",
  tools: [TASKSET],
  async run({ runs, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const running: { stop(): Promise<void> }[] = [];
    try {
      const env = { HEDDLE_DATA: folder, HEDDLE_PORT: "0", HEDDLE_LOG_LEVEL: "warn" };
      const gateway = await startService("gateway", { env });
      running.push(gateway);
      const args = ["bench/discovery/fleet.ts", gateway.address, String(INSTANCES), String(WATCHERS)];
      const fleet = await startProcess(args, { core: OTHER_CORE });
      running.push(fleet);
      const halves: number[] = [];
      const most: number[] = [];
      for (let round = 0; round < runs; round++) {
        const took = ((await fleet.ask(`changes:${CHANGES}`)) as number[]).toSorted((a, b) => a - b);
        halves.push(percentile(took, 50));
        most.push(percentile(took, 99));
        progress(`p50 ${halves.at(-1)?.toFixed(2)} ms, p99 ${most.at(-1)?.toFixed(2)} ms`);
      }
      return [row("endpoint-change-p50", median(halves)), row("endpoint-change-p99", median(most))];
    } finally {
      for (const each of running.toReversed()) await each.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const row = (name: string, ms: number): Row => ({ name, ours: Math.round(ms * 100) / 100, unit: "ms", peers: {} });
