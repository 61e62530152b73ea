import { create, createFileRegistry, setExtension } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import { AuthService } from "@heddle/contracts/auth/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { AccessSchema, access } from "@heddle/contracts/heddle/options/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { expect, test } from "vitest";
import { ANONYMOUS, type Caller, LOCAL } from "./caller.ts";
import { permissionOf } from "./permission.ts";

const user = (...roles: string[]): Caller => ({ ...ANONYMOUS, kind: "user", id: "usr_1", roles });
const service = (name: string): Caller => ({ ...ANONYMOUS, kind: "service", id: name, service: name });

/** A method whose contract says this of its access. */
const methodWith = (said?: { public?: boolean; roles?: string[]; services?: string[] }) => {
  const options = create(MethodOptionsSchema);
  if (said !== undefined) setExtension(options, access, create(AccessSchema, said));
  const file = {
    name: "test.proto",
    package: "test.v1",
    syntax: "proto3",
    messageType: [{ name: "M" }],
    service: [{ name: "S", method: [{ name: "M", inputType: ".test.v1.M", outputType: ".test.v1.M", options }] }],
  };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const method = registry.getService("test.v1.S")?.methods[0];
  if (method === undefined) throw new Error("the test's contract has no method");
  return method;
};

test("a method lets in the roles of its contract, and no others", () => {
  const { allows, allowed, isPublic } = permissionOf(AuthService.method.listUsers);
  for (const caller of [user("operator"), user("clerk", "auditor"), LOCAL]) expect(allows(caller)).toBe(true);
  for (const caller of [ANONYMOUS, user(), user("clerk"), service("order"), service("operator")])
    expect(allows(caller)).toBe(false);
  expect([isPublic, allowed]).toEqual([false, "the role operator or auditor"]);
});

test("a method lets in the services of its contract, also for a user whom it would not", () => {
  const { allows, allowed } = permissionOf(CustomerService.method.listCustomers);
  const forUser: Caller = { ...user(), service: "overview" };
  for (const caller of [service("overview"), forUser, user("clerk")]) expect(allows(caller)).toBe(true);
  for (const caller of [service("order"), user(), user("overview"), ANONYMOUS]) expect(allows(caller)).toBe(false);
  expect(allowed).toBe("the role clerk or auditor, or the service overview");
});

test("every service means whoever has proven to be one", () => {
  const { allows } = permissionOf(RegistryService.method.register);
  expect(allows(service("anything"))).toBe(true);
  for (const caller of [ANONYMOUS, user("operator"), user("*")]) expect(allows(caller)).toBe(false);
});

test.each([undefined, {}, { roles: [] }])("a method whose contract says %o of its access lets in nobody", (said) => {
  const { allows, allowed } = permissionOf(methodWith(said));
  for (const caller of [ANONYMOUS, LOCAL, user("operator"), service("order")]) expect(allows(caller)).toBe(false);
  expect(allowed).toBe("nobody");
});

test("a public method lets in everyone", () => {
  const { allows, isPublic } = permissionOf(methodWith({ public: true, roles: ["clerk"] }));
  expect([isPublic, allows(ANONYMOUS), allows(user())]).toEqual([true, true, true]);
});

test("health and reflection are open: their contracts cannot say who may call", () => {
  for (const { method } of [Health, ServerReflection])
    for (const each of Object.values(method)) expect(permissionOf(each).isPublic).toBe(true);
});
