import { CustomerCreatedSchema, type CustomerService } from "@heddle/contracts/customer/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { newCustomer } from "../customer.ts";
import type { Deps } from "./deps.ts";

/** Creates a customer. The same request_id returns the customer that its first call created. */
export const createCustomer =
  ({ customers, store, clock, ids }: Deps): Handler<typeof CustomerService.method.createCustomer> =>
  (request) =>
    store.write(async (tx) => {
      const customer = newCustomer(request, { id: ids.next("cus"), now: clock.now() });
      await customers.insert(tx, customer);
      await tx.publish(CustomerCreatedSchema, { customer });
      return { customer };
    });
