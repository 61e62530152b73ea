import { createRegistry } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@heddle/contracts/buf/validate";
import {
  CreateCustomerRequestSchema,
  CustomerService,
  CustomerStateSchema,
  UpdateCustomerRequestSchema,
} from "@heddle/contracts/customer/v1";
import { file_google_api_annotations, file_google_api_field_behavior } from "@heddle/contracts/google/api";
import { file_heddle_options_v1_options } from "@heddle/contracts/heddle/options/v1";
import { RegisterRequestSchema } from "@heddle/contracts/heddle/registry/v1";
import { expect, test } from "vitest";
import { type Described, describeText } from "./describe-text.ts";

const registry = createRegistry(
  file_buf_validate_validate,
  file_google_api_annotations,
  file_google_api_field_behavior,
  file_heddle_options_v1_options,
);
const textOf = (desc: Described): string => describeText(desc, registry).join("\n");

test("a method shows its types, its route and what it asks of the mesh", () => {
  expect(
    textOf(CustomerService.method.getCustomer),
  ).toBe(`rpc GetCustomer(GetCustomerRequest) returns (GetCustomerResponse) {
  option idempotency_level = NO_SIDE_EFFECTS;
  option (heddle.options.v1.timeout) = {seconds: 2};
  option (heddle.options.v1.access) = {
    roles: ["clerk", "auditor"]
    services: ["order", "overview", "socialsecurity"]
  };
  option (heddle.options.v1.hedge) = {delay: {nanos: 50000000}, attempts_max: 2};
  option (google.api.http) = {get: "/v1/customers/{customer_id}"};
}`);
});

test("a field shows its rules and what it gives away", () => {
  expect(textOf(CreateCustomerRequestSchema.field.givenName)).toBe(`string given_name = 1 [
  (google.api.field_behavior) = REQUIRED,
  (buf.validate.field).string = {min_len: 1, max_len: 100},
  (heddle.options.v1.sensitive) = SENSITIVITY_PERSONAL
];`);
});

test("an option too long for its line is laid out in several", () => {
  expect(textOf(UpdateCustomerRequestSchema.field.updateMask)).toContain(`  (buf.validate.field) = {
    cel: [
      {
        id: "update_mask.paths"`);
});

test("the members of a oneof stand within it, behind its rule", () => {
  expect(textOf(RegisterRequestSchema)).toBe(`message RegisterRequest {
  oneof body {
    option (buf.validate.oneof) = {required: true};

    Instance instance = 1;
    Contract contract = 2;
    Heartbeat heartbeat = 3;
  }
}`);
});

test("an enum shows its values, a map its key and value", () => {
  expect(textOf(CustomerStateSchema)).toContain("  CUSTOMER_STATE_ACTIVE = 1;\n");
  expect(textOf(StructSchema)).toBe("message Struct {\n  map<string, Value> fields = 1;\n}");
});

test("a service is the whole of its methods", () => {
  const text = textOf(CustomerService);
  expect(text.match(/^ {2}rpc /gm)).toHaveLength(CustomerService.methods.length);
  expect(text.startsWith("service CustomerService {\n  rpc CreateCustomer(")).toBe(true);
});
