import { CustomerDeletedSchema, CustomerSchema, type CustomerService } from "@heddle/contracts/customer/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { deletedCustomer } from "../customer.ts";
import { CUSTOMER_NOT_FOUND } from "../errors.ts";
import type { Deps } from "./deps.ts";

/** Deletes a customer softly. Deleting a deleted one changes nothing. */
export const deleteCustomer =
  ({ customers, store, clock }: Omit<Deps, "ids">): Handler<typeof CustomerService.method.deleteCustomer> =>
  ({ customerId, etag }) =>
    store.write(async (tx) => {
      const current = await customers.find(tx, customerId);
      if (current === undefined) throw fail(CUSTOMER_NOT_FOUND, { customerId });
      const customer = deletedCustomer(current, clock.now());
      if (customer === current) return {};
      checkEtag(CustomerSchema, etag, current.etag);
      await customers.update(tx, customer);
      await tx.publish(CustomerDeletedSchema, { customer });
      return {};
    });
