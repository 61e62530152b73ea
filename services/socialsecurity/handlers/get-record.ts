import type { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { RECORD_NOT_FOUND } from "../errors.ts";
import { type Deps, shownRecord } from "./deps.ts";

/** Returns the record of a customer with the number masked. Not logged: no number leaves. */
export const getRecord =
  (deps: Pick<Deps, "records" | "vault" | "store">): Handler<typeof SocialSecurityService.method.getRecord> =>
  async ({ customerId }) => {
    const record = await deps.store.read((reader) => deps.records.findLatest(reader, customerId));
    if (record === undefined) throw fail(RECORD_NOT_FOUND, { customerId });
    return { record: shownRecord(deps, record) };
  };
