import { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import type { Clock, Random, Timers } from "@heddle/mesh/runtime";

/** How long work may go on that calls other services. */
export interface Patience {
  /** `Clock.monotonicMs` at which it stops. */
  readonly endMs: number;
  /** Stops it at once. */
  readonly signal: AbortSignal | undefined;
}

/** There is no time left to find out; nothing is known of the last attempt. */
export class OutOfPatience extends Error {
  constructor(cause?: unknown) {
    super("The time for this work is over.", { cause });
    this.name = "OutOfPatience";
  }
}

/** Asks another service, again where that can help. Throws the last error, or OutOfPatience. */
export type Attempt = <T>(
  patience: Patience,
  timeoutMs: number,
  call: (options: CallOptions) => Promise<T>,
) => Promise<T>;

/** Calls until one is answered: about 3 seconds with the waits between them, longer than a supervised restart takes. */
const ATTEMPTS_MAX = 6;
/** Milliseconds before the second attempt; doubled for each further one, less a random part of up to a half. */
const BACKOFF_MS = 100;

export const attempting =
  ({ clock, timers, random }: { clock: Clock; timers: Timers; random: Random }): Attempt =>
  async (patience, timeoutMs, call) => {
    const leftMs = () => (patience.signal?.aborted ? 0 : patience.endMs - clock.monotonicMs());
    for (let tries = 1; ; tries++) {
      if (leftMs() <= 0) throw new OutOfPatience();
      try {
        const options = { timeoutMs: Math.ceil(Math.min(timeoutMs, leftMs())) };
        return await call(patience.signal === undefined ? options : { ...options, signal: patience.signal });
      } catch (error) {
        if (leftMs() <= 0) throw new OutOfPatience(error);
        if (tries === ATTEMPTS_MAX || SAYS_NO.has(ConnectError.from(error).code)) throw error;
      }
      const backoffMs = BACKOFF_MS * 2 ** (tries - 1);
      await timers.sleep(backoffMs - random.below(backoffMs / 2), patience.signal).catch((error: unknown) => {
        throw new OutOfPatience(error);
      });
    }
  };

/** Whether a service gave `reason` for its refusal. */
export const refusedFor = (error: unknown, domain: string, reason: string): boolean =>
  ConnectError.from(error)
    .findDetails(ErrorInfoSchema)
    .some((info) => info.domain === domain && info.reason === reason);

/** The codes of an answer that is no, however often one asks. All others may mean that the question never arrived. */
const SAYS_NO: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.FailedPrecondition,
  Code.OutOfRange,
]);
