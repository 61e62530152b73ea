import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { residentMegabytes, treesOf } from "../accounts.ts";
import { median } from "../median.ts";
import type { Row, Workload } from "../row.ts";

/** From `heddle up` to all serving, and the memory of all, as processes and as one process. */
export const wholeMesh: Workload = {
  name: "whole-mesh",
  tools: [],
  async run({ runs, progress }) {
    const rows: Row[] = [];
    for (const mode of ["processes", "single-process"] as const) {
      const seconds: number[] = [];
      const megabytes: number[] = [];
      for (let run = 0; run < runs; run++) {
        const result = await startOnce(mode);
        seconds.push(result.seconds);
        megabytes.push(result.megabytes);
      }
      const start = Math.round(median(seconds) * 100) / 100;
      const memory = Math.round(median(megabytes));
      progress(`${mode}: all serving after ${start} s, ${memory} MB resident`);
      rows.push({ name: `start-${mode}`, ours: start, unit: "s", peers: {} });
      rows.push({ name: `memory-${mode}`, ours: memory, unit: "MB", peers: {} });
    }
    return rows;
  },
};

const startOnce = async (mode: "processes" | "single-process"): Promise<{ seconds: number; megabytes: number }> => {
  const data = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  const port = String(20_000 + (process.pid % 20_000));
  const startMs = performance.now();
  const options = ["up", "--data", data, "--port", port, ...(mode === "single-process" ? ["--single-process"] : [])];
  const up = spawn("heddle", options, { stdio: ["ignore", "pipe", "ignore"] });
  try {
    // The supervisor says it when the last service has registered with the gateway.
    for await (const line of createInterface(up.stdout)) if (line.includes("services ready in")) break;
    const seconds = (performance.now() - startMs) / 1000;
    await sleep(SETTLE_MS);
    return { seconds, megabytes: residentMegabytes(treesOf([up.pid ?? 0])) };
  } finally {
    up.kill("SIGTERM");
    await once(up, "exit");
    rmSync(data, { recursive: true, force: true });
  }
};

/** Milliseconds until memory is looked at: what a start leaves behind is collected by then, or stays. */
const SETTLE_MS = 1_000;
