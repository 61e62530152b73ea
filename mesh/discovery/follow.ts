import { Code, ConnectError } from "@connectrpc/connect";
import type { Logger } from "../observe/index.ts";
import { backgroundCall, runInCall } from "../rpc/index.ts";
import type { Runtime } from "../runtime/index.ts";
import { createReturn } from "./come-back.ts";

/** A stream that is opened again whenever it has ended. */
export interface Following {
  /** Opens it anew, at once, where it is open. */
  again(): void;
  stop(): void;
}

/**
 * Follows a stream of the gateway's until it is stopped: what it says is heard, and where it ends it is opened again, after a while
 * that grows until something is heard. Nobody's call: it must not end with the one during which it began.
 */
export const follow = <T>(deps: {
  /** In words, for the log. */
  readonly what: string;
  readonly open: (signal: AbortSignal) => AsyncIterable<T>;
  readonly hear: (message: T) => void;
  readonly runtime: Pick<Runtime, "timers" | "random">;
  readonly log: Logger;
}): Following => {
  const { what, open, hear, runtime, log } = deps;
  const comeBack = createReturn(runtime);
  const stopped = new AbortController();
  let round = new AbortController();
  const run = async () => {
    while (!stopped.signal.aborted) {
      round = new AbortController();
      const { signal: ended } = round;
      const signal = AbortSignal.any([stopped.signal, ended]);
      try {
        for await (const message of open(signal)) {
          comeBack.reached();
          hear(message);
        }
      } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        if (!signal.aborted) log.debug({ code: Code[code], reason: rawMessage, what }, "the gateway is not followed");
      }
      if (!ended.aborted) await runtime.timers.sleep(comeBack.nextMs(), stopped.signal).catch(() => undefined);
    }
  };
  void runInCall(backgroundCall(""), run);
  return { again: () => round.abort(), stop: () => stopped.abort() };
};
