// Uses the client that is generated from /openapi.json beside this file, and prints the ids of what it has made.
import { ok } from "@oazapfts/runtime";
import * as api from "./api.ts";

const [url, token] = process.argv.slice(2);
if (url === undefined) throw new Error("usage: consumer.ts <url> [<token>]");
api.defaults.baseUrl = url;
if (token !== undefined) api.defaults.headers = { authorization: `Bearer ${token}` };

/** Fails where a value that the contract does not promise is missing all the same. */
const there = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error("a value is missing");
  return value;
};

const created = await ok(
  api.customerV1CustomerServiceCreateCustomer({
    givenName: "Ada",
    familyName: "Lovelace",
    email: `ada.${process.pid}@example.com`,
    birthDate: { year: 1990, month: 12, day: 10 },
  }),
);
const customerId = there(created.customer?.id);

const changed = await ok(
  api.customerV1CustomerServiceUpdateCustomer(customerId, { phone: "+15551234567" }, { updateMask: "phone" }),
);
if (changed.customer?.phone !== "+15551234567" || changed.customer.givenName !== "Ada") throw new Error("not updated");

const listed = await ok(api.customerV1CustomerServiceListCustomers({ pageSize: 2, email: created.customer?.email }));
if (listed.customers?.[0]?.id !== customerId) throw new Error("not listed");
const batch = await ok(api.customerV1CustomerServiceBatchGetCustomers([customerId]));
if (batch.customers?.length !== 1) throw new Error("not in the batch");

const unknown = await api.customerV1CustomerServiceGetCustomer(`cus_${"0".repeat(26)}`);
if (unknown.status !== 404) throw new Error(`an unknown customer is ${unknown.status}`);

await ok(api.socialsecurityV1SocialSecurityServiceRegisterNumber(customerId, { number: "123-45-6789" }));
await ok(api.socialsecurityV1SocialSecurityServiceVerifyNumber(customerId, { number: "123456789" }));
const opened = await ok(
  api.billingV1BillingServiceOpenAccount({ customerId, creditLimit: { currencyCode: "USD", minorUnits: "100000" } }),
);
const placed = await ok(
  api.orderV1OrderServicePlaceOrder({
    customerId,
    lines: [{ sku: "LAMP-01", quantity: 2, unitPrice: { currencyCode: "USD", minorUnits: "1995" } }],
  }),
);
const sagas = await ok(
  api.heddleSagaV1SagaServiceListSagas({ pageSize: 1 }, { headers: { "heddle-service": "order" } }),
);
if (sagas.sagas === undefined) throw new Error("no saga");

console.log(
  JSON.stringify({
    customer_id: customerId,
    account_id: opened.account?.id,
    order_id: placed.order?.id,
    authorization_id: placed.order?.authorizationId,
  }),
);
