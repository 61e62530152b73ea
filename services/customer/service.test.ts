import { CustomerService, CustomerState } from "@heddle/contracts/customer/v1";
import { expectFailure, startTestService } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { customer } from "./service.ts";

const start = async () => {
  const service = await startTestService(customer);
  onTestFinished(() => service.stop());
  return service.client(CustomerService);
};

const ADA = { givenName: "Ada", familyName: "Lovelace", email: "Ada@example.com", phone: "+442071234567" };
const REQUEST_ID = "0b8a2a3e-6f0e-4c49-9d0b-6a2a3f0f8c11";

test("a customer that was created can be read", async () => {
  const client = await start();
  const { customer: created } = await client.createCustomer({ ...ADA, birthDate: { year: 1980, month: 2, day: 29 } });
  expect(created?.id).toMatch(/^cus_[0-9a-hjkmnp-tv-z]{26}$/);
  expect(created?.state).toBe(CustomerState.ACTIVE);
  const { customer: read } = await client.getCustomer({ customerId: created?.id ?? "" });
  expect(read).toEqual(created);
});

test("a customer that does not exist is NOT_FOUND", async () => {
  const client = await start();
  const customerId = `cus_${"0".repeat(26)}`;
  expect(await expectFailure(client.getCustomer({ customerId }))).toMatchObject({
    code: "NotFound",
    reason: "CUSTOMER_NOT_FOUND",
    domain: "customer.v1",
    metadata: { customerId },
  });
});

test("two live customers cannot share an e-mail address, whatever its case", async () => {
  const client = await start();
  const { customer: first } = await client.createCustomer(ADA);
  expect(await expectFailure(client.createCustomer({ ...ADA, email: "ADA@EXAMPLE.COM" }))).toMatchObject({
    code: "AlreadyExists",
    reason: "CUSTOMER_EMAIL_TAKEN",
  });
  await client.deleteCustomer({ customerId: first?.id ?? "" });
  await client.createCustomer(ADA);
  expect(await expectFailure(client.undeleteCustomer({ customerId: first?.id ?? "" }))).toMatchObject({
    reason: "CUSTOMER_EMAIL_TAKEN",
  });
});

test("a repeated request id returns the first reply, and creates nothing", async () => {
  const client = await start();
  const first = await client.createCustomer({ ...ADA, requestId: REQUEST_ID });
  expect(await client.createCustomer({ ...ADA, requestId: REQUEST_ID })).toEqual(first);
  expect((await client.listCustomers({})).customers).toHaveLength(1);
});

test("twenty concurrent calls with one request id create one customer", async () => {
  const client = await start();
  const replies = await Promise.all(
    Array.from({ length: 20 }, () => client.createCustomer({ ...ADA, requestId: REQUEST_ID })),
  );
  expect(new Set(replies.map(({ customer }) => customer?.id)).size).toBe(1);
});

test("a reused request id with another payload is refused", async () => {
  const client = await start();
  await client.createCustomer({ ...ADA, requestId: REQUEST_ID });
  expect(await expectFailure(client.createCustomer({ ...ADA, givenName: "Eve", requestId: REQUEST_ID }))).toMatchObject(
    {
      code: "InvalidArgument",
      reason: "REQUEST_ID_REUSED",
      fields: ["request_id"],
    },
  );
});

test("pages hold every customer once, in the order of creation", async () => {
  const client = await start();
  for (let i = 0; i < 7; i++) await client.createCustomer({ ...ADA, email: `ada${i}@example.com` });
  const seen: string[] = [];
  for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
    const reply = await client.listCustomers({ pageSize: 3, pageToken });
    expect(reply.customers.length).toBeLessThanOrEqual(3);
    seen.push(...reply.customers.map(({ email }) => email));
    pageToken = reply.nextPageToken;
  }
  expect(seen).toEqual(Array.from({ length: 7 }, (_, i) => `ada${i}@example.com`));
});

test("a list leaves deleted customers out unless asked, and finds an address in any case", async () => {
  const client = await start();
  const { customer: ada } = await client.createCustomer(ADA);
  await client.createCustomer({ ...ADA, email: "eve@example.com" });
  expect((await client.listCustomers({ email: "ada@EXAMPLE.com" })).customers.map(({ id }) => id)).toEqual([ada?.id]);
  await client.deleteCustomer({ customerId: ada?.id ?? "" });
  expect((await client.listCustomers({ email: ADA.email })).customers).toEqual([]);
  expect((await client.listCustomers({ email: ADA.email, showDeleted: true })).customers).toHaveLength(1);
});

test("a page token of another list is refused", async () => {
  const client = await start();
  for (let i = 0; i < 2; i++) await client.createCustomer({ ...ADA, email: `ada${i}@example.com` });
  const { nextPageToken: pageToken } = await client.listCustomers({ pageSize: 1 });
  expect(await expectFailure(client.listCustomers({ pageSize: 1, pageToken, showDeleted: true }))).toMatchObject({
    code: "InvalidArgument",
    reason: "PAGE_TOKEN_INVALID",
    fields: ["page_token"],
  });
});

test("an update changes what its mask names and nothing else", async () => {
  const client = await start();
  const { customer: before } = await client.createCustomer(ADA);
  const { customer: after } = await client.updateCustomer({
    customer: { id: before?.id ?? "", givenName: "Augusta", familyName: "King" },
    updateMask: { paths: ["family_name"] },
    etag: before?.etag ?? "",
  });
  expect(after).toMatchObject({ givenName: "Ada", familyName: "King" });
  expect(after?.etag).not.toBe(before?.etag);
});

test("an update with a stale etag is ABORTED and changes nothing", async () => {
  const client = await start();
  const { customer: before } = await client.createCustomer(ADA);
  const id = before?.id ?? "";
  await client.updateCustomer({ customer: { id, givenName: "Augusta" } });
  const stale = client.updateCustomer({ customer: { id, givenName: "Eve" }, etag: before?.etag ?? "" });
  expect(await expectFailure(stale)).toMatchObject({ code: "Aborted", reason: "ETAG_MISMATCH" });
  expect((await client.getCustomer({ customerId: id })).customer?.givenName).toBe("Augusta");
});

test("an update cannot empty a name, nor touch a deleted customer", async () => {
  const client = await start();
  const { customer: ada } = await client.createCustomer(ADA);
  const id = ada?.id ?? "";
  const emptied = client.updateCustomer({ customer: { id }, updateMask: { paths: ["given_name"] } });
  expect(await expectFailure(emptied)).toMatchObject({
    reason: "CUSTOMER_FIELD_REQUIRED",
    fields: ["customer.given_name"],
  });
  await client.deleteCustomer({ customerId: id });
  const late = client.updateCustomer({ customer: { id, givenName: "Eve" } });
  expect(await expectFailure(late)).toMatchObject({ code: "FailedPrecondition", reason: "CUSTOMER_DELETED" });
});

test("an unknown path in the mask is refused by name", async () => {
  const client = await start();
  const { customer: ada } = await client.createCustomer(ADA);
  const misspelt = client.updateCustomer({ customer: { id: ada?.id ?? "" }, updateMask: { paths: ["giben_name"] } });
  expect(await expectFailure(misspelt)).toMatchObject({ code: "InvalidArgument", reason: "UPDATE_MASK_INVALID" });
});

test("deleting twice and undeleting twice are harmless", async () => {
  const client = await start();
  const { customer: ada } = await client.createCustomer(ADA);
  const customerId = ada?.id ?? "";
  await client.deleteCustomer({ customerId });
  await client.deleteCustomer({ customerId, etag: ada?.etag ?? "" });
  expect((await client.getCustomer({ customerId })).customer?.deleteTime).toBeDefined();
  await client.undeleteCustomer({ customerId });
  const { customer: back } = await client.undeleteCustomer({ customerId });
  expect(back?.state).toBe(CustomerState.ACTIVE);
  expect(back?.deleteTime).toBeUndefined();
});

test("a batch keeps the order of the request, and is all or nothing", async () => {
  const client = await start();
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    ids.unshift((await client.createCustomer({ ...ADA, email: `ada${i}@example.com` })).customer?.id ?? "");
  }
  const { customers } = await client.batchGetCustomers({ customerIds: ids });
  expect(customers.map(({ id }) => id)).toEqual(ids);
  const missing = `cus_${"0".repeat(26)}`;
  expect(await expectFailure(client.batchGetCustomers({ customerIds: [...ids, missing] }))).toMatchObject({
    reason: "CUSTOMER_NOT_FOUND",
    metadata: { customerId: missing },
  });
});

test.each([
  [{ year: 2023, month: 2, day: 29 }, "no day of the calendar"],
  [{ year: 9999, month: 1, day: 1 }, "in the future"],
])("the birth date %o is refused: it is %s", async (birthDate, why) => {
  const client = await start();
  const failure = await expectFailure(client.createCustomer({ ...ADA, birthDate }));
  expect(failure).toMatchObject({ code: "InvalidArgument", reason: "BIRTH_DATE_INVALID" });
  expect(failure.message).toContain(why);
});

test("a request that breaks rules names every field, and shows no value", async () => {
  const client = await start();
  const failure = await expectFailure(
    client.createCustomer({ ...ADA, givenName: "", email: "not-an-address", phone: "12" }),
  );
  expect(failure).toMatchObject({ code: "InvalidArgument", reason: "VALIDATION_FAILED" });
  expect(failure.fields.toSorted()).toEqual(["email", "given_name", "phone"]);
  expect(failure.message).not.toContain("not-an-address");
});

test("the log shows requests at its chattiest level, without what the contract calls personal", async () => {
  const service = await startTestService(customer);
  onTestFinished(() => service.stop());
  await service.client(CustomerService).createCustomer({ ...ADA, requestId: REQUEST_ID });
  const line = service.log.find(({ msg }) => msg === "request");
  expect(line?.request).toMatchObject({ givenName: "[redacted]", email: "[redacted]", requestId: REQUEST_ID });
  expect(JSON.stringify(service.log)).not.toMatch(/Ada|Lovelace|442071234567/);
});
