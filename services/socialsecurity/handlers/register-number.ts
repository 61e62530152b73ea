import { AccessKind, NumberRegisteredSchema, type SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Tx } from "@heddle/mesh/store";
import { currentCaller } from "../caller.ts";
import { CUSTOMER_DELETED, NUMBER_ALREADY_REGISTERED, RECORD_ALREADY_EXISTS } from "../errors.ts";
import { issuedNumber } from "../number.ts";
import { isLive, type LiveRecord, newRecord, stateOf } from "../record.ts";
import { compareNumber } from "./compare-number.ts";
import { type Deps, shownRecord } from "./deps.ts";

/** Stores the number of a customer, sealed. Registering the number that the customer has returns its record. */
export const registerNumber =
  (deps: Deps): Handler<typeof SocialSecurityService.method.registerNumber> =>
  async ({ customerId, number }) => {
    const digits = issuedNumber(number);
    const blindIndex = deps.vault.indexOf(digits);
    const record = await deps.store.write(async (tx) => {
      const latest = await deps.records.findLatest(tx, customerId);
      if (!isLive(latest)) return insertNumber(tx, deps, customerId, digits, blindIndex);
      const compared = await compareNumber(tx, deps, latest, blindIndex);
      await deps.records.update(tx, compared.record);
      return compared.matched ? compared.record : undefined;
    });
    // Told only now: the comparison stays in the log, although the call fails.
    if (record === undefined) throw fail(RECORD_ALREADY_EXISTS, { customerId });
    return { record: shownRecord(deps, record) };
  };

const insertNumber = async (
  tx: Tx,
  { records, accesses, deletions, vault, clock, ids }: Deps,
  customerId: string,
  digits: string,
  blindIndex: Uint8Array,
): Promise<LiveRecord> => {
  // Nobody would erase it: the event of the deletion has come and gone.
  if (await deletions.has(tx, customerId)) throw fail(CUSTOMER_DELETED, { customerId });
  const candidates = await records.listCandidates(tx, blindIndex);
  if (candidates.some(({ sealed }) => vault.isSame(sealed.blindIndex, blindIndex)))
    throw fail(NUMBER_ALREADY_REGISTERED, {});
  const owner = { id: ids.next("ssr"), customerId };
  const now = clock.now();
  const record = newRecord(owner, vault.seal(digits, owner), now);
  await records.insert(tx, record);
  const kind = AccessKind.REGISTER;
  await accesses.append(tx, { customerId, kind, caller: currentCaller(), reason: "", createTime: now });
  await tx.publish(NumberRegisteredSchema, { customerId, recordId: record.id, state: stateOf(record) });
  return record;
};
