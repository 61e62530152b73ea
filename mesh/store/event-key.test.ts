import { create } from "@bufbuild/protobuf";
import { CustomerCreatedSchema, CustomerSchema } from "@heddle/contracts/customer/v1";
import { expect, test } from "vitest";
import { eventKey } from "./event-key.ts";
import { EVENT_KEY_CHARACTERS_MAX } from "./limits.ts";

test("the key is the value of the field that the contract names", () => {
  expect(eventKey(CustomerCreatedSchema, create(CustomerCreatedSchema, { customer: { id: "cus_1" } }))).toBe("cus_1");
});

test.for([
  ["is absent", {}],
  ["is empty", { customer: { id: "" } }],
  ["is too long", { customer: { id: "x".repeat(EVENT_KEY_CHARACTERS_MAX + 1) } }],
])("an event whose key %s is refused", ([, init]) => {
  expect(() => eventKey(CustomerCreatedSchema, create(CustomerCreatedSchema, init as object))).toThrow(
    /CustomerCreated: its key customer\.id has \d+ characters/,
  );
});

test("a message that its contract does not declare an event is refused", () => {
  expect(() => eventKey(CustomerSchema, create(CustomerSchema))).toThrow("customer.v1.Customer is no event");
});
