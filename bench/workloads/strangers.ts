import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRuntime } from "@heddle/mesh/runtime";
import { waysTo } from "../../tests/strangers/call-stranger.ts";
import { startStranger } from "../../tests/strangers/stranger.ts";
import { freePort, OTHER_CORE, startService } from "../contestant.ts";
import { median } from "../median.ts";
import { TASKSET, type Workload } from "../row.ts";

/** Contracts of one measurement, after a few to warm up. */
const CONTRACTS = 50;
const WARM_UP = 5;

/**
 * A service of a contract that the gateway has never seen: from the instance's first word to the registry to the moment when it has
 * been called once by every protocol, and been found in the documentation, one after the other.
 */
export const strangers: Workload = {
  name: "strangers",
  tools: [TASKSET],
  async run({ runs, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const port = await freePort();
    const env = { HEDDLE_DATA: folder, HEDDLE_PORT: String(port), HEDDLE_LOG_LEVEL: "warn" };
    const gateway = await startService("gateway", { core: OTHER_CORE, env });
    const runtime = systemRuntime();
    const url = `http://127.0.0.1:${port}`;
    const ways = waysTo(url);
    const slowest: number[] = [];
    try {
      for (let round = 0; round < runs; round++) {
        const times: number[] = [];
        for (let n = 0; n < CONTRACTS + WARM_UP; n++) {
          const startMs = performance.now();
          const stranger = await startStranger(round * 1_000 + n, url, runtime);
          await stranger.registered;
          for (const { call } of ways) await call(stranger);
          if (n >= WARM_UP) times.push(performance.now() - startMs);
          await stranger.stop();
        }
        times.sort((a, b) => a - b);
        slowest.push(times.at(-1) ?? Number.NaN);
        progress(`median ${median(times).toFixed(1)} ms, slowest ${slowest.at(-1)?.toFixed(1)} ms`);
      }
      return [{ name: "strangers-slowest", ours: Math.round(median(slowest) * 10) / 10, unit: "ms", peers: {} }];
    } finally {
      await gateway.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
