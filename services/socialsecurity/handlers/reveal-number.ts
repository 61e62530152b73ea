import { AccessKind, type SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { currentCaller } from "../caller.ts";
import { formatNumber, refuseNumberIn } from "../number.ts";
import { requireLive } from "../record.ts";
import type { Deps } from "./deps.ts";

/** Gives out a number in full, once the look at it is in the log, on the disk. */
export const revealNumber =
  ({
    records,
    accesses,
    vault,
    store,
    clock,
  }: Omit<Deps, "ids" | "deletions">): Handler<typeof SocialSecurityService.method.revealNumber> =>
  ({ customerId, reason }) => {
    refuseNumberIn(reason);
    return store.write(async (tx) => {
      const record = requireLive(await records.findLatest(tx, customerId), customerId);
      const number = formatNumber(vault.open(record.sealed, record));
      const sealed = vault.rewrap(record.sealed, record);
      if (sealed !== record.sealed) await records.rewrap(tx, { ...record, sealed });
      const kind = AccessKind.REVEAL;
      const touch = { customerId, kind, caller: currentCaller(), reason, createTime: clock.now() };
      const { sequence } = await accesses.append(tx, touch);
      return { number, accessSequence: sequence };
    });
  };
