import process from "node:process";

/** Tells the benchmark where this process listens, and collects garbage for it. Ends with it, or on SIGTERM, in good order. */
export const announce = (port: number): void => {
  process.send?.({ address: `127.0.0.1:${port}` });
  process.on("message", () => {
    globalThis.gc?.();
    process.send?.("collected");
  });
  process.once("SIGTERM", () => process.exit());
  process.once("disconnect", () => process.exit());
};
