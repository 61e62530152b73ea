import { clone, create } from "@bufbuild/protobuf";
import { CustomerSchema } from "@heddle/contracts/customer/v1";
import { expect, test } from "vitest";
import { checkEtag, etagOf } from "./etag.ts";
import { failureOf } from "./fixture-contract.ts";

const customer = create(CustomerSchema, { id: "cus_1", givenName: "Ada", email: "ada@example.com" });

test("the etag does not depend on the etag that the resource carries", () => {
  expect(etagOf(CustomerSchema, { ...customer, etag: "old" })).toBe(etagOf(CustomerSchema, customer));
});

test("the etag changes with any other field and the resource is left as it was", () => {
  const before = clone(CustomerSchema, customer);
  const etag = etagOf(CustomerSchema, customer);
  expect(etag).toMatch(/^[\w-]{16}$/);
  expect(etagOf(CustomerSchema, { ...customer, givenName: "Eve" })).not.toBe(etag);
  expect(customer).toEqual(before);
});

test("a stale etag is ABORTED, the right one and none pass", async () => {
  expect(await failureOf(() => checkEtag(CustomerSchema, "stale", "fresh"))).toMatchObject({
    code: "Aborted",
    reason: "ETAG_MISMATCH",
    domain: "customer.v1",
    metadata: { expected: "stale", actual: "fresh" },
  });
  expect(() => checkEtag(CustomerSchema, "fresh", "fresh")).not.toThrow();
  expect(() => checkEtag(CustomerSchema, "", "fresh")).not.toThrow();
});
