import { CustomerSchema, type CustomerService, CustomerUndeletedSchema } from "@heddle/contracts/customer/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { undeletedCustomer } from "../customer.ts";
import { CUSTOMER_NOT_FOUND } from "../errors.ts";
import type { Deps } from "./deps.ts";

/** Makes a deleted customer active again. Undeleting an active one changes nothing. */
export const undeleteCustomer =
  ({ customers, store, clock }: Omit<Deps, "ids">): Handler<typeof CustomerService.method.undeleteCustomer> =>
  ({ customerId, etag }) =>
    store.write(async (tx) => {
      const current = await customers.find(tx, customerId);
      if (current === undefined) throw fail(CUSTOMER_NOT_FOUND, { customerId });
      const customer = undeletedCustomer(current, clock.now());
      if (customer === current) return { customer };
      checkEtag(CustomerSchema, etag, current.etag);
      await customers.update(tx, customer);
      await tx.publish(CustomerUndeletedSchema, { customer });
      return { customer };
    });
