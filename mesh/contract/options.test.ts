import type { DescService } from "@bufbuild/protobuf";
import { AuthService } from "@heddle/contracts/auth/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { expect, test } from "vitest";
import { assertAccessDeclared, methodOptions } from "./options.ts";

test("what a contract asks for is read in the units of the mesh", () => {
  expect(methodOptions(OrderService.method.getOrder)).toEqual({
    timeoutMs: 2000,
    access: { public: false, roles: ["clerk", "auditor"], services: ["overview"] },
    hedge: { delayMs: 50, attemptsMax: 2 },
    cache: undefined,
    rateLimit: undefined,
    deprecated: false,
    sunset: undefined,
    priority: "normal",
    idempotency: "no-side-effects",
  });
  expect(methodOptions(OrderService.method.placeOrder)).toMatchObject({ priority: "high", idempotency: "unknown" });
  expect(methodOptions(OrderService.method.cancelOrder).idempotency).toBe("idempotent");
  expect(methodOptions(AuthService.method.getSigningKeys)).toMatchObject({
    access: { public: true },
    cache: { maxAgeMs: 60_000 },
  });
});

test("a timeout of zero is no cap", () => {
  expect(methodOptions(RegistryService.method.watch).timeoutMs).toBeUndefined();
});

test("a contract without our options lets nobody in and asks for nothing, but that health is always told", () => {
  expect(methodOptions(Health.method.check)).toEqual({
    timeoutMs: undefined,
    access: { public: false, roles: [], services: [] },
    hedge: undefined,
    cache: undefined,
    rateLimit: undefined,
    deprecated: false,
    sunset: undefined,
    priority: "critical",
    idempotency: "unknown",
  });
});

test("options are read once and cannot be changed", () => {
  const options = methodOptions(OrderService.method.getOrder);
  expect(methodOptions(OrderService.method.getOrder)).toBe(options);
  expect(() => (options.access.roles as string[]).push("operator")).toThrow(TypeError);
});

test.each([AuthService, CustomerService, OrderService, RegistryService] as DescService[])(
  "$typeName says who may call",
  (service) => {
    expect(() => assertAccessDeclared(service)).not.toThrow();
  },
);

test("a service that does not say who may call is named with its methods", () => {
  expect(() => assertAccessDeclared(Health)).toThrow(
    /grpc\.health\.v1\.Health .*Check.*Watch.*heddle\.options\.v1\.access/,
  );
});
