import { create, createRegistry, type DescMessage } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import { file_auth_v1_auth_service } from "@heddle/contracts/auth/v1";
import { file_billing_v1_billing_service } from "@heddle/contracts/billing/v1";
import { CustomerService, file_customer_v1_customer_service } from "@heddle/contracts/customer/v1";
import { file_order_v1_order_service, PlaceOrderRequestSchema } from "@heddle/contracts/order/v1";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EchoSchema } from "../rpc/fixtures/echo-contract.ts";
import { matchPattern } from "./match-pattern.ts";
import { compileQuickCheck } from "./quick-check.ts";

const { validate } = createValidator({ regexMatch: matchPattern });

const messages: DescMessage[] = [
  EchoSchema,
  ...[
    ...createRegistry(
      file_customer_v1_customer_service,
      file_order_v1_order_service,
      file_billing_v1_billing_service,
      file_auth_v1_auth_service,
    ),
  ].filter((type) => type.kind === "message"),
];
const quick = messages.flatMap((schema) => {
  const check = compileQuickCheck(schema);
  return check === undefined ? [] : [{ schema, check }];
});

const texts = fc.oneof(
  fc.constantFrom("", "cus_01h455vb4pex5vsknk084sn02q", "ord_01h455vb4pex5vsknk084sn02q", "USD", "a@example.com"),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.integer({ min: 0, max: 5_000 }).map((length) => "x".repeat(length)),
);
const numbers = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));

test.each(quick.map(({ schema, check }) => [schema.typeName, schema, check] as const))(
  "what it finds good in %s, protovalidate does too",
  (_, schema, check) => {
    const values = fc.record(
      Object.fromEntries(
        schema.fields.flatMap((field) => {
          if (field.fieldKind !== "scalar") return [];
          const value = field.scalar === 9 ? texts : field.scalar === 5 ? numbers : undefined;
          return value === undefined ? [] : [[field.localName, value]];
        }),
      ),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(values, (init) => {
        const message = create(schema, init as never);
        return !check(message) || validate(schema, message).kind === "valid";
      }),
      { numRuns: 300 },
    );
  },
);

test("most requests are simple enough, and those with other rules are left to protovalidate", () => {
  const inputs = CustomerService.methods.map(({ input }) => input);
  const simple = inputs.filter((input) => compileQuickCheck(input) !== undefined).map(({ name }) => name);
  expect(simple).toContain("GetCustomerRequest");
  expect(compileQuickCheck(PlaceOrderRequestSchema)).toBeUndefined();
});

test("a good request is found good, and a bad one is not", () => {
  const [getCustomer] = CustomerService.methods.filter(({ name }) => name === "GetCustomer");
  const schema = getCustomer?.input as DescMessage;
  const check = compileQuickCheck(schema);
  expect(check?.(create(schema, { customerId: "cus_01h455vb4pex5vsknk084sn02q" } as never))).toBe(true);
  for (const customerId of ["", "nobody"]) expect(check?.(create(schema, { customerId } as never))).toBe(false);
  expect(compileQuickCheck(EchoSchema)?.(create(EchoSchema, { text: "12345678" }))).toBe(true);
  expect(compileQuickCheck(EchoSchema)?.(create(EchoSchema, { text: "123456789" }))).toBe(false);
});
