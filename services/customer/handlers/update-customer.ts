import { CustomerSchema, type CustomerService, CustomerUpdatedSchema } from "@heddle/contracts/customer/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { changedFields, updatedCustomer } from "../customer.ts";
import { CUSTOMER_NOT_FOUND } from "../errors.ts";
import type { Deps } from "./deps.ts";

/** Changes the fields that the mask names, all or none. */
export const updateCustomer =
  ({ customers, store, clock }: Omit<Deps, "ids">): Handler<typeof CustomerService.method.updateCustomer> =>
  ({ customer: patch, updateMask: mask, etag }) =>
    store.write(async (tx) => {
      const customerId = patch?.id ?? "";
      const current = await customers.find(tx, customerId);
      if (current === undefined || patch === undefined) throw fail(CUSTOMER_NOT_FOUND, { customerId });
      const customer = updatedCustomer(current, { patch, mask, now: clock.now() });
      // A repetition of an update that was applied is harmless, although its etag is stale by then.
      if (customer === current) return { customer };
      checkEtag(CustomerSchema, etag, current.etag);
      await customers.update(tx, customer);
      await tx.publish(CustomerUpdatedSchema, { customer, updateMask: { paths: changedFields(current, customer) } });
      return { customer };
    });
