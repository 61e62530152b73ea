import { CustomerService } from "@heddle/contracts/customer/v1";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { expect, test } from "vitest";
import { accessText, summaryOf } from "./reflect-method.ts";

test("a summary holds what a caller asks first", () => {
  expect(summaryOf(CustomerService.method.deleteCustomer)).toEqual({
    method: "customer.v1.CustomerService/DeleteCustomer",
    kind: "unary",
    request: "customer.v1.DeleteCustomerRequest",
    reply: "customer.v1.DeleteCustomerResponse",
    idempotency: "idempotent",
    access: { public: false, roles: ["clerk"], services: [] },
    timeoutMs: 5000,
    priority: "normal",
    routes: ["DELETE /v1/customers/{customer_id}"],
  });
});

test("a stream without a cap has no deadline", () => {
  expect(summaryOf(RegistryService.method.register)).toMatchObject({ kind: "bidi stream", timeoutMs: undefined });
});

test("access is told in words, and a contract that does not say is told apart from nobody", () => {
  expect(accessText({ public: false, roles: ["clerk", "auditor"], services: ["*"] })).toBe(
    "clerk, auditor; services all",
  );
  expect(accessText({ public: true, roles: [], services: [] })).toBe("everyone");
  expect(accessText({ public: false, roles: [], services: [] })).toBe("nobody");
  expect(accessText(summaryOf(Health.method.check).access)).toBe("");
});
