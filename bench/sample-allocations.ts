// Preloaded into a process (`node --import`): samples what it allocates from SIGUSR2 on, also what is collected again, and writes
// it to the file that HEDDLE_ALLOCATIONS names when the process exits.
import { writeFileSync } from "node:fs";
import { type HeapProfiler, Session } from "node:inspector";
import process from "node:process";

/** Bytes between samples, on average. */
const INTERVAL_BYTES = 16 * 1024;

const session = new Session();
session.connect();
process.once("SIGUSR2", () => {
  const options: HeapProfiler.StartSamplingParameterType & Record<string, unknown> = {
    samplingInterval: INTERVAL_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  };
  session.post("HeapProfiler.startSampling", options);
  process.once("exit", () => {
    session.post("HeapProfiler.stopSampling", (error, result) => {
      if (error !== null || result === undefined) throw error;
      writeFileSync(process.env.HEDDLE_ALLOCATIONS ?? "", JSON.stringify(result.profile));
    });
  });
});
