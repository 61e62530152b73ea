import type { DescMessage, DescService, MessageShape } from "@bufbuild/protobuf";
import { clone, create, createFileRegistry, setExtension } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { BillingService } from "@heddle/contracts/billing/v1";
import { field as rulesOf } from "@heddle/contracts/buf/validate";
import { CustomerService, GetCustomerRequestSchema, UpdateCustomerRequestSchema } from "@heddle/contracts/customer/v1";
import { OrderLineSchema, OrderService, PlaceOrderRequestSchema } from "@heddle/contracts/order/v1";
import { RegisterNumberRequestSchema, SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { expect, test } from "vitest";
import { failureOf, violationsOf } from "./fixture-contract.ts";
import { assertRulesCompile, requestCheck } from "./validate.ts";

const validate = <M extends DescMessage>(schema: M, message: MessageShape<M>): void => requestCheck(schema)(message);
const customerId = "cus_01h455vb4pex5vsknk084sn02q";
const order = create(PlaceOrderRequestSchema, {
  customerId,
  lines: [{ sku: "A-1", quantity: 1, unitPrice: { currencyCode: "USD", minorUnits: 100n } }],
});

test("a request that keeps its contract passes", () => {
  expect(() => validate(PlaceOrderRequestSchema, order)).not.toThrow();
});

test("every violation is named by its path, the first in the message", async () => {
  const bad = clone(PlaceOrderRequestSchema, order);
  bad.customerId = "nobody";
  bad.lines = [
    create(OrderLineSchema, { sku: "A-1", quantity: 0, unitPrice: { currencyCode: "USD" } }),
    create(OrderLineSchema, { sku: "A-1", quantity: 3 }),
  ];
  const failure = await failureOf(() => validate(PlaceOrderRequestSchema, bad));
  expect(failure).toMatchObject({
    code: "InvalidArgument",
    reason: "VALIDATION_FAILED",
    domain: "order.v1",
    metadata: { field: "customer_id", rule: "string.pattern", violations: "3" },
    fields: ["customer_id", "lines[0].quantity", "lines[1].unit_price"],
  });
  expect(failure.message).toContain("customer_id");
});

test("a description tells what is asked for", () => {
  const bad = { ...order, lines: [] };
  expect(violationsOf(() => validate(PlaceOrderRequestSchema, bad))).toEqual([
    "lines: must contain at least 1 item(s)",
  ]);
});

test("rules within an embedded resource are checked", async () => {
  const request = create(UpdateCustomerRequestSchema, { customer: { id: customerId, email: "not an address" } });
  expect((await failureOf(() => validate(UpdateCustomerRequestSchema, request))).fields).toEqual(["customer.email"]);
});

test("a value at fault is not shown", () => {
  const request = create(RegisterNumberRequestSchema, { customerId, number: "666-12-1234" });
  let thrown: unknown;
  try {
    validate(RegisterNumberRequestSchema, request);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ConnectError);
  const { message, details } = ConnectError.from(thrown);
  expect(message).toContain("number");
  expect(message + JSON.stringify(details.map((detail) => ("desc" in detail ? detail.value : detail)))).not.toMatch(
    /12-1234|6612|1234/,
  );
});

test.each([BillingService, CustomerService, OrderService, SocialSecurityService])(
  "the rules of $typeName compile",
  (service) => {
    expect(() => assertRulesCompile(service)).not.toThrow();
  },
);

const serviceWithRule = (expression: string): DescService => {
  const options = create(FieldOptionsSchema);
  setExtension(options, rulesOf, create(rulesOf.message as DescMessage, { cel: [{ id: "bad", expression }] }) as never);
  const { STRING } = FieldDescriptorProto_Type;
  const { OPTIONAL } = FieldDescriptorProto_Label;
  const set = create(FileDescriptorSetSchema, {
    file: [
      {
        name: "bad/v1/bad.proto",
        package: "bad.v1",
        syntax: "proto3",
        messageType: [
          { name: "BadRequest", field: [{ name: "name", number: 1, type: STRING, label: OPTIONAL, options }] },
        ],
        service: [
          {
            name: "BadService",
            method: [{ name: "Do", inputType: ".bad.v1.BadRequest", outputType: ".bad.v1.BadRequest" }],
          },
        ],
      },
    ],
  });
  const service = createFileRegistry(set).getService("bad.v1.BadService");
  if (service === undefined) throw new Error("the fixture has no service");
  return service;
};

test.each(["this.", "this.size() > 'a'", "nothing(this)"])("the rule %s stops the start", (expression) => {
  expect(() => assertRulesCompile(serviceWithRule(expression))).toThrow(
    /bad\.v1\.BadService do not compile:\n {2}bad\.v1\.BadRequest: /,
  );
});

test("a sound rule of a contract that nobody knew before is enforced", async () => {
  const service = serviceWithRule("this == 'ok' ? '' : 'must be ok'");
  const input = service.methods[0]?.input ?? GetCustomerRequestSchema;
  expect(await failureOf(() => validate(input, create(input, { name: "no" })))).toMatchObject({
    domain: "bad.v1",
    fields: ["name"],
  });
});
