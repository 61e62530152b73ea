import process from "node:process";
import type { Logger } from "../observe/index.ts";

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** The ways in which a process may end. */
export interface ProcessEnd {
  /** Logs the cause and ends at once. */
  now(code: number, cause: unknown, message: string): never;
  /** Runs `drain` on the first SIGTERM or SIGINT and exits with the code that it resolves to. */
  onSignal(drain: () => Promise<number>): void;
}

/** Takes over signals and crashes. A signal before `onSignal`, and any second one, ends the process at once. */
export const endProcessOn = (log: Logger, service: string): ProcessEnd => {
  const end: ProcessEnd = {
    now(code, cause, message) {
      log.fatal(cause === undefined ? {} : { err: cause }, message);
      log.flush();
      return process.exit(code);
    },
    onSignal(drain) {
      drainOnce = drain;
    },
  };
  let drainOnce: (() => Promise<number>) | undefined;
  let draining = false;
  const signalled = (signal: NodeJS.Signals) => {
    const drain = drainOnce;
    drainOnce = undefined;
    draining = drain !== undefined;
    if (drain === undefined) {
      log.warn({ signal }, "ended at once");
      log.flush();
      process.exit(EXIT_FAILED);
    }
    log.info({ signal }, "draining");
    drain().then(
      (code) => {
        log.flush();
        if (process.connected) process.send?.({ type: "stopped", service, code });
        process.exit(code);
      },
      (error: unknown) => end.now(EXIT_FAILED, error, "drain failed"),
    );
  };
  process.on("SIGTERM", signalled);
  process.on("SIGINT", signalled);
  process.on("uncaughtException", (error) => end.now(EXIT_FAILED, error, "crashed"));
  process.on("unhandledRejection", (error) =>
    end.now(EXIT_FAILED, error, "crashed: a promise was rejected and nobody looked"),
  );
  // A supervisor that died without a word must not leave services behind.
  process.on("disconnect", () => {
    if (!draining) signalled("SIGTERM");
  });
  // One that died while this process was being loaded was told of to nobody.
  if (process.send !== undefined && !process.connected) signalled("SIGTERM");
  return end;
};
