import { create, fromBinary } from "@bufbuild/protobuf";
import { AuthService, RegisterUserRequestSchema } from "@heddle/contracts/auth/v1";
import {
  type CreateCustomerRequest,
  CreateCustomerRequestSchema,
  CreateCustomerResponseSchema,
  CustomerService,
} from "@heddle/contracts/customer/v1";
import { expect, test } from "vitest";
import { failureOf } from "./fixture-contract.ts";
import { isSameRequest, replayOf, requestIdReused } from "./request-id.ts";

const { createCustomer, getCustomer } = CustomerService.method;
const requestId = "0190d3c6-7f3e-7cc2-a1c0-5c2e8f1b2a3d";
const request = create(CreateCustomerRequestSchema, { givenName: "Ada", requestId });
const changed = (fields: Partial<CreateCustomerRequest>): CreateCustomerRequest => ({ ...request, ...fields });

test("a request without a request id is not replayed", () => {
  expect(replayOf(createCustomer, changed({ requestId: "" }))).toBeUndefined();
});

test("a method whose request has no request id is not replayed", () => {
  expect(replayOf(getCustomer, create(getCustomer.input, {}))).toBeUndefined();
});

test("the same payload under another id has the same hash, another payload another", () => {
  const hash = replayOf(createCustomer, request)?.requestHash ?? new Uint8Array();
  const other = replayOf(createCustomer, changed({ requestId: "x" }))?.requestHash ?? new Uint8Array();
  const eve = replayOf(createCustomer, changed({ givenName: "Eve" }))?.requestHash ?? new Uint8Array();
  expect(hash).toHaveLength(32);
  expect(isSameRequest(hash, other)).toBe(true);
  expect(isSameRequest(hash, eve)).toBe(false);
});

test("a password is in no hash that is kept", () => {
  const hashOf = (password: string) =>
    replayOf(
      AuthService.method.registerUser,
      create(RegisterUserRequestSchema, { email: "a@b.c", password, requestId }),
    )?.requestHash;
  expect(hashOf("one password")).toBeDefined();
  expect(hashOf("one password")).toEqual(hashOf("another password"));
});

test("the recorded reply can be read back", () => {
  const replay = replayOf(createCustomer, request);
  expect(replay).toMatchObject({ requestId, recorded: false });
  const bytes = replay?.encodeReply({ customer: { id: "cus_1" } } as never) ?? new Uint8Array();
  expect(fromBinary(CreateCustomerResponseSchema, bytes).customer?.id).toBe("cus_1");
});

test("a reused request id with another payload names the field", async () => {
  expect(
    await failureOf(() => {
      throw requestIdReused(createCustomer, requestId);
    }),
  ).toMatchObject({
    code: "InvalidArgument",
    reason: "REQUEST_ID_REUSED",
    domain: "customer.v1",
    fields: ["request_id"],
    metadata: { requestId },
  });
});
