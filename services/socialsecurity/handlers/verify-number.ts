import { NumberVerifiedSchema, type SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { normalizeNumber } from "../number.ts";
import { requireLive, stateOf, verifiedRecord } from "../record.ts";
import { compareNumber } from "./compare-number.ts";
import { type Deps, shownRecord } from "./deps.ts";

/** Compares a number with the registered one, without opening it; the first match makes the record verified. */
export const verifyNumber =
  (deps: Omit<Deps, "ids" | "deletions">): Handler<typeof SocialSecurityService.method.verifyNumber> =>
  ({ customerId, number }) => {
    const { records, vault, store, clock } = deps;
    const blindIndex = vault.indexOf(normalizeNumber(number));
    return store.write(async (tx) => {
      const current = requireLive(await records.findLatest(tx, customerId), customerId);
      const { matched, record: compared } = await compareNumber(tx, deps, current, blindIndex);
      const record = matched ? verifiedRecord(compared, clock.now()) : compared;
      await records.update(tx, record);
      if (record !== compared) {
        const { id: recordId, verifyTime } = record;
        const state = stateOf(record);
        await tx.publish(NumberVerifiedSchema, { customerId, recordId, state, ...(verifyTime && { verifyTime }) });
      }
      return { matched, record: shownRecord(deps, record) };
    });
  };
