import {
  CustomerCreatedSchema,
  CustomerDeletedSchema,
  CustomerService,
  CustomerUndeletedSchema,
  CustomerUpdatedSchema,
} from "@heddle/contracts/customer/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService } from "@heddle/mesh/service";
import { batchGetCustomers } from "./handlers/batch-get-customers.ts";
import { createCustomer } from "./handlers/create-customer.ts";
import { deleteCustomer } from "./handlers/delete-customer.ts";
import { getCustomer } from "./handlers/get-customer.ts";
import { listCustomers } from "./handlers/list-customers.ts";
import { undeleteCustomer } from "./handlers/undelete-customer.ts";
import { updateCustomer } from "./handlers/update-customer.ts";
import manifest from "./package.json" with { type: "json" };
import { customerStore } from "./store.ts";

export const customer = defineService({
  name: "customer",
  version: manifest.version,
  migrations: new URL("./migrations/", import.meta.url),
  publishes: [CustomerCreatedSchema, CustomerUpdatedSchema, CustomerDeletedSchema, CustomerUndeletedSchema],
  implement({ store, clock, ids }) {
    const deps = { customers: customerStore(), store, clock, ids };
    return [
      implementation(CustomerService, {
        createCustomer: createCustomer(deps),
        getCustomer: getCustomer(deps),
        batchGetCustomers: batchGetCustomers(deps),
        listCustomers: listCustomers(deps),
        updateCustomer: updateCustomer(deps),
        deleteCustomer: deleteCustomer(deps),
        undeleteCustomer: undeleteCustomer(deps),
      }),
    ];
  },
});
