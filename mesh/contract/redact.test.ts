import { create, createRegistry, toBinary } from "@bufbuild/protobuf";
import { AnySchema, anyPack, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { LoginRequestSchema } from "@heddle/contracts/auth/v1";
import { CustomerCreatedSchema, CustomerSchema, CustomerState } from "@heddle/contracts/customer/v1";
import { EventSchema } from "@heddle/contracts/heddle/events/v1";
import { PlaceOrderRequestSchema } from "@heddle/contracts/order/v1";
import { RevealNumberResponseSchema } from "@heddle/contracts/socialsecurity/v1";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LoomSchema, PartSchema } from "./fixture-contract.ts";
import { redact } from "./redact.ts";

const customer = create(CustomerSchema, {
  id: "cus_1",
  givenName: "Ada",
  address: { city: "London", lines: ["1"] },
  state: CustomerState.ACTIVE,
  createTime: timestampFromMs(0),
});
const shownCustomer = {
  id: "cus_1",
  givenName: "[redacted]",
  address: "[redacted]",
  state: "CUSTOMER_STATE_ACTIVE",
  createTime: "1970-01-01T00:00:00Z",
};

test("sensitive fields are replaced and the others are shown", () => {
  expect(redact(CustomerSchema, customer)).toEqual(shownCustomer);
  expect(
    redact(
      RevealNumberResponseSchema,
      create(RevealNumberResponseSchema, { number: "123-45-6789", accessSequence: 7n }),
    ),
  ).toEqual({
    number: "[redacted]",
    accessSequence: "7",
  });
});

test("fields that are not populated are left out, sensitive ones too", () => {
  expect(redact(LoginRequestSchema, create(LoginRequestSchema))).toEqual({});
});

test("lists, messages within them and 64-bit integers are shown", () => {
  const request = create(PlaceOrderRequestSchema, {
    lines: [{ sku: "A", quantity: 2, unitPrice: { currencyCode: "USD", minorUnits: 9_007_199_254_740_993n } }],
  });
  expect(redact(PlaceOrderRequestSchema, request)).toEqual({
    lines: [{ sku: "A", quantity: 2, unitPrice: { currencyCode: "USD", minorUnits: "9007199254740993" } }],
  });
});

test("nothing sensitive gets out of lists, maps, and messages within messages", () => {
  const part = create(PartSchema, { maker: "m", pin: "topsecret" });
  const loom = create(LoomSchema, {
    tags: ["topsecret"],
    secrets: { topsecret: "topsecret" },
    spares: [part],
    parts: { left: part },
    twin: create(LoomSchema, { frame: part, labels: { a: "b" } }),
  });
  const shown = redact(LoomSchema, loom);
  expect(JSON.stringify(shown)).not.toContain("topsecret");
  expect(shown).toEqual({
    tags: "[redacted]",
    secrets: "[redacted]",
    spares: [{ maker: "m", pin: "[redacted]" }],
    parts: { left: { maker: "m", pin: "[redacted]" } },
    twin: { frame: { maker: "m", pin: "[redacted]" }, labels: { a: "b" } },
  });
});

test("an Any is redacted when its type is known, and shown by its size when not", () => {
  const payload = anyPack(CustomerCreatedSchema, create(CustomerCreatedSchema, { customer }));
  const event = create(EventSchema, { key: "cus_1", payload });
  expect(redact(EventSchema, event, createRegistry(CustomerCreatedSchema)).payload).toEqual({
    "@type": "type.googleapis.com/customer.v1.CustomerCreated",
    customer: shownCustomer,
  });
  expect(redact(EventSchema, event).payload).toEqual({
    "@type": "type.googleapis.com/customer.v1.CustomerCreated",
    value: `[${payload.value.length} bytes]`,
  });
});

test("an Any whose bytes are not of its type, and a time beyond the calendar, do not stop the log", () => {
  const broken = create(AnySchema, {
    typeUrl: "type.googleapis.com/customer.v1.CustomerCreated",
    value: new Uint8Array([255]),
  });
  const event = create(EventSchema, { payload: broken, createTime: { seconds: 10n ** 15n } });
  expect(redact(EventSchema, event, createRegistry(CustomerCreatedSchema))).toMatchObject({
    payload: { value: "[1 bytes]" },
    createTime: "[out of range]",
  });
});

test("whatever a customer is called, no log shows it", () => {
  const texts = fc.string({ minLength: 12 }).map((text) => `§${text}`);
  fc.assert(
    fc.property(texts, texts, texts, (givenName, email, city) => {
      const message = create(CustomerSchema, { givenName, email, phone: email, address: { city } });
      expect(JSON.stringify(redact(CustomerSchema, message))).not.toContain("§");
      expect(Buffer.from(toBinary(CustomerSchema, message)).toString()).toContain("§");
    }),
  );
});
