import type { CustomerService } from "@heddle/contracts/customer/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { CUSTOMER_NOT_FOUND } from "../errors.ts";
import type { Deps } from "./deps.ts";

/** Returns several customers as they were at one moment, or none when one is missing. */
export const batchGetCustomers =
  ({ customers, store }: Pick<Deps, "customers" | "store">): Handler<typeof CustomerService.method.batchGetCustomers> =>
  async ({ customerIds }) => {
    const found = await store.read((reader) => customers.findAll(reader, customerIds));
    return {
      customers: customerIds.map((customerId) => {
        const customer = found.get(customerId);
        if (customer === undefined) throw fail(CUSTOMER_NOT_FOUND, { customerId });
        return customer;
      }),
    };
  };
