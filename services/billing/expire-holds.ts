import { PaymentExpiredSchema } from "@heddle/contracts/billing/v1";
import type { Logger } from "@heddle/mesh/observe";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { Store, Tx } from "@heddle/mesh/store";
import { type Authorization, asOf } from "./authorization.ts";
import { accountMessage, authorizationMessage } from "./messages.ts";
import type { AccountStore } from "./store/account-store.ts";
import type { AuthorizationStore } from "./store/authorization-store.ts";

/** Milliseconds between looks for holds whose time is over. Only their events wait for it: reads tell them ended at once. */
export const EXPIRY_PERIOD_MS = 1_000;

/** Holds that one transaction writes down as expired, so that callers' writes are never long in waiting. */
const HOLDS_PER_WRITE_MAX = 50;

interface Stores {
  readonly accounts: AccountStore;
  readonly authorizations: AuthorizationStore;
}

/** Writes down, and publishes, that a hold has ended whose time was over at `nowMs`. */
export const expireHold = async (
  { accounts, authorizations }: Stores,
  tx: Tx,
  hold: Authorization,
  nowMs: number,
): Promise<void> => {
  const expired = asOf(hold, nowMs);
  if (expired === hold) throw new Error(`The hold of ${hold.id} is not over.`);
  await authorizations.update(tx, expired);
  await accounts.releaseExpired(tx, hold.accountId, hold);
  const account = await accounts.find(tx, hold.accountId, nowMs);
  if (account === undefined) throw new Error(`Authorization ${hold.id} has no account.`);
  await tx.publish(PaymentExpiredSchema, {
    account: accountMessage(account),
    authorization: authorizationMessage(expired),
  });
};

/** A sweep that runs until it is stopped. */
export interface Expiry {
  /** Ends it; resolves when what it was doing is done. */
  stop(): Promise<void>;
}

/** Writes down expired holds, those of before the start first, then as time goes by. */
export const startExpiry = (
  deps: Stores & { readonly store: Store; readonly clock: Clock; readonly timers: Timers; readonly log: Logger },
): Expiry => {
  let stopped = false;
  let sweeping: Promise<void> | undefined;
  const sweep = () => {
    sweeping ??= expireAll(deps, () => stopped)
      .catch((error: unknown) => deps.log.warn({ err: error }, "expired holds were not written down"))
      .finally(() => {
        sweeping = undefined;
      });
  };
  const timer = deps.timers.every(EXPIRY_PERIOD_MS, sweep);
  sweep();
  return {
    async stop() {
      stopped = true;
      timer.cancel();
      await sweeping;
    },
  };
};

const expireAll = async (
  deps: Stores & { readonly store: Store; readonly clock: Clock },
  stopped: () => boolean,
): Promise<void> => {
  const { authorizations, store, clock } = deps;
  // Most often there is nothing to do, and a read disturbs no writer.
  while (!stopped() && (await store.read((reader) => authorizations.listOver(reader, clock.nowMs(), 1))).length > 0) {
    await store.write(async (tx) => {
      const nowMs = clock.nowMs();
      for (const hold of await authorizations.listOver(tx, nowMs, HOLDS_PER_WRITE_MAX)) {
        await expireHold(deps, tx, hold, nowMs);
      }
    });
  }
};
