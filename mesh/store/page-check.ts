import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A check of a database's pages that goes on beside serving. */
export interface PageCheck {
  /** Ends it, done or not. */
  stop(): void;
}

/**
 * Checks all pages of `file` in a process of its own, which can be ended at any moment, as a thread that waits for SQLite cannot.
 * Calls `onDamage` with SQLite's words when they are not whole. It reads one snapshot, for which the write-ahead log is kept.
 */
export const startPageCheck = (file: string, onDamage: (verdict: string) => void): PageCheck => {
  // Sources run as they are, the package as it was built.
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  const script = fileURLToPath(new URL(`./page-check-process${extension}`, import.meta.url));
  const child = fork(script, [file], { stdio: ["ignore", "ignore", "ignore", "ipc"], execArgv: [] });
  let stopped = false;
  child.on("message", (verdict) => {
    if (!stopped && verdict !== "ok") onDamage(String(verdict));
  });
  // That it could not be started says nothing of the file.
  child.on("error", () => undefined);
  child.unref();
  child.channel?.unref();
  return {
    stop() {
      stopped = true;
      child.kill("SIGKILL");
    },
  };
};
