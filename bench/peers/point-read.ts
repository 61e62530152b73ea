import { create } from "@bufbuild/protobuf";
import { type GetCustomerResponse, GetCustomerResponseSchema } from "@heddle/contracts/customer/v1";
import { fail } from "@heddle/mesh/contract";
import { systemRuntime } from "@heddle/mesh/runtime";
import { openStore } from "@heddle/mesh/store";
import { CUSTOMER_NOT_FOUND } from "../../services/customer/errors.ts";
import { customerStore } from "../../services/customer/store.ts";

/** Throws CUSTOMER_NOT_FOUND. */
export type PointRead = (customerId: string) => Promise<GetCustomerResponse>;

/**
 * The read that every contestant has behind its server: one customer by its id, from the file that the service wrote. Without
 * a file every read fails.
 */
export const openPointRead = async (path: string | undefined): Promise<PointRead> => {
  if (path === undefined) return async (customerId) => Promise.reject(fail(CUSTOMER_NOT_FOUND, { customerId }));
  const store = await openStore({
    path,
    name: "customer",
    migrations: new URL("../../services/customer/migrations/", import.meta.url),
    runtime: systemRuntime(),
  });
  const customers = customerStore();
  return async (customerId) => {
    const customer = await store.read((reader) => customers.find(reader, customerId));
    if (customer === undefined) throw fail(CUSTOMER_NOT_FOUND, { customerId });
    return create(GetCustomerResponseSchema, { customer });
  };
};
