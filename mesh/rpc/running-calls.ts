import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { Timers } from "../runtime/index.ts";
import { wrapHandler } from "./wrap-handler.ts";

/** The calls that a server answers now, so that it can wait for them before it ends. */
export interface RunningCalls {
  /** Counts a call in; the returned function counts it out, once. */
  enter(): () => void;
  /** Resolves to 0 when no call runs any more, or after `timeoutMs` milliseconds to the number of those that do. */
  settled(timeoutMs: number): Promise<number>;
}

export const createRunningCalls = (timers: Timers): RunningCalls => {
  let running = 0;
  let onSettled = (): void => undefined;
  return {
    enter() {
      running++;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        running--;
        if (running === 0) onSettled();
      };
    },
    async settled(timeoutMs) {
      if (running > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        onSettled = resolve;
        const timer = timers.after(timeoutMs, resolve);
        await promise;
        timer.cancel();
      }
      return running;
    },
  };
};

/** Counts the calls that come to a handler within the process, to the end of their replies. */
export const countCalls = (handler: UniversalHandler, calls: RunningCalls): UniversalHandler =>
  wrapHandler(handler, async (request) => {
    const leave = calls.enter();
    // A caller that goes away reads no further, and would leave its call counted.
    request.signal.addEventListener("abort", leave, { once: true });
    try {
      const response = await handler(request);
      if (response.body === undefined) leave();
      return response.body === undefined ? response : { ...response, body: until(response.body, leave) };
    } catch (error) {
      leave();
      throw error;
    }
  });

async function* until(body: AsyncIterable<Uint8Array>, ended: () => void): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } finally {
    ended();
  }
}
