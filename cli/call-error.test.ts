import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { HelpSchema } from "@heddle/contracts/google/rpc";
import { fail, reasons } from "@heddle/mesh/contract";
import { createColors } from "picocolors";
import { expect, test } from "vitest";
import { describeRpcError, rpcFailureLines } from "./call-error.ts";

const reason = reasons("customer.v1");
const { createCustomer, getCustomer } = CustomerService.method;
const linesOf = (error: ConnectError) => rpcFailureLines(describeRpcError(error, createCustomer), createColors(false));

test("reason, metadata, fields, the wait and the next step each have their line", () => {
  const error = fail(
    reason("BATCH_INVALID", Code.InvalidArgument, "Row {row} is wrong."),
    { row: 3 },
    {
      violations: [
        { field: "email", description: "is missing" },
        { field: "", description: "is too large" },
      ],
      retryDelayMs: 1500,
    },
  );
  expect(linesOf(error)).toEqual([
    "error:  INVALID_ARGUMENT Row 3 is wrong.",
    "reason: BATCH_INVALID (customer.v1)",
    "        row = 3",
    "field:  email is missing",
    "field:  (request) is too large",
    "retry:  after 1.5 s",
    "next:   heddle describe customer.v1.CreateCustomerRequest",
  ]);
});

test("for programs the same is JSON with gRPC's name and number of the code", () => {
  const failure = describeRpcError(
    fail(reason("CUSTOMER_NOT_FOUND", Code.NotFound, "Customer {customerId} does not exist."), { customerId: "cus_1" }),
    getCustomer,
  );
  expect(failure).toEqual({
    code: "NOT_FOUND",
    status: 5,
    message: "Customer cus_1 does not exist.",
    reason: "CUSTOMER_NOT_FOUND",
    domain: "customer.v1",
    metadata: { customerId: "cus_1" },
    next: "heddle describe customer.v1.CustomerService/GetCustomer",
  });
});

test("an error without details still says what to do", () => {
  expect(linesOf(new ConnectError("gone", Code.Canceled))[0]).toBe("error:  CANCELLED gone");
  expect(linesOf(new ConnectError("no instance", Code.Unavailable))).toEqual([
    "error:  UNAVAILABLE no instance",
    "next:   heddle status shows what runs, heddle up starts it",
  ]);
});

test("details of another type are shown as JSON, of an unknown type as base64", () => {
  const error = new ConnectError("x", Code.Internal);
  const help = create(HelpSchema, { links: [{ description: "Read", url: "https://example.com" }] });
  error.details.push({ type: HelpSchema.typeName, value: toBinary(HelpSchema, help) });
  error.details.push({ type: "acme.v1.Secret", value: Uint8Array.of(1, 2) });
  expect(describeRpcError(error, getCustomer).details).toEqual([
    { "@type": "google.rpc.Help", links: [{ description: "Read", url: "https://example.com" }] },
    { "@type": "acme.v1.Secret", value: "AQI=" },
  ]);
});
