import type { CustomerService } from "@heddle/contracts/customer/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { CUSTOMER_NOT_FOUND } from "../errors.ts";
import type { Deps } from "./deps.ts";

/** Returns one customer, also a deleted one. */
export const getCustomer =
  ({ customers, store }: Pick<Deps, "customers" | "store">): Handler<typeof CustomerService.method.getCustomer> =>
  async ({ customerId }) => {
    const customer = await store.read((reader) => customers.find(reader, customerId));
    if (customer === undefined) throw fail(CUSTOMER_NOT_FOUND, { customerId });
    return { customer };
  };
