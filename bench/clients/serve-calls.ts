import process from "node:process";
import { percentile } from "../median.ts";

/** Calls in flight, unless a workload says otherwise. */
const IN_FLIGHT = 64;

/** Orders that are placed at a time. */
export const ORDERS_IN_FLIGHT = 32;

/** Takes numbers of calls by IPC, makes them with so many in flight, and answers with a `ClientResult`. */
export const serveCalls = (call: () => Promise<unknown>, { inFlight = IN_FLIGHT } = {}): void => {
  process.on("message", (calls: number) => {
    measure(call, calls, inFlight).then(
      (result) => process.send?.(result),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.once("SIGTERM", () => process.exit());
  process.once("disconnect", () => process.exit());
  process.send?.("ready");
};

const measure = async (call: () => Promise<unknown>, calls: number, inFlight: number) => {
  const micros = new Float64Array(calls);
  const startMs = performance.now();
  const cpuBefore = process.cpuUsage();
  let begun = 0;
  const oneAfterAnother = async () => {
    while (begun < calls) {
      const at = begun++;
      const beganMs = performance.now();
      await call();
      micros[at] = (performance.now() - beganMs) * 1000;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, oneAfterAnother));
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - startMs) / 1000;
  const sorted = Array.from(micros.sort());
  return { seconds, cpuMicros: user + system, p50: percentile(sorted, 50), p99: percentile(sorted, 99) };
};
