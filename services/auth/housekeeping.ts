import type { Logger } from "@heddle/mesh/observe";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import { HOUSEKEEPING_PERIOD_MS, LOGIN_FAILURES_WINDOW_MS, SWEEP_ROWS } from "./limits.ts";
import type { SigningKeys } from "./signing-keys.ts";
import type { FailureStore, SessionStore } from "./store.ts";

export interface HousekeepingDeps {
  readonly sessions: SessionStore;
  readonly failures: FailureStore;
  readonly signingKeys: SigningKeys;
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
}

/** What is done now and then beside the calls. */
export interface Housekeeping {
  /** Ends it, after what runs. */
  stop(): Promise<void>;
}

/** Rotates the signing keys, and removes expired sessions and forgotten failures, once an hour. */
export const startHousekeeping = (deps: HousekeepingDeps): Housekeeping => {
  let running: Promise<void> | undefined;
  let stopped = false;
  const keepHouse = async (): Promise<void> => {
    await deps.signingKeys.rotate();
    while (!stopped && (await sweep(deps)));
  };
  const timer = deps.timers.every(HOUSEKEEPING_PERIOD_MS, () => {
    running ??= keepHouse()
      .catch((error: unknown) => deps.log.error({ err: error }, "housekeeping failed; it is tried again in an hour"))
      .finally(() => {
        running = undefined;
      });
  });
  return {
    async stop() {
      stopped = true;
      timer.cancel();
      await running;
    },
  };
};

/** One small transaction, so that calls get their turn; resolves to whether more may be left. */
const sweep = ({ sessions, failures, store, clock }: HousekeepingDeps): Promise<boolean> =>
  store.write(async (tx) => {
    const nowMs = clock.nowMs();
    const swept = [
      await sessions.sweep(tx, nowMs, SWEEP_ROWS),
      await failures.sweep(tx, nowMs - LOGIN_FAILURES_WINDOW_MS, SWEEP_ROWS),
    ];
    return swept.some((rows) => rows === SWEEP_ROWS);
  });
