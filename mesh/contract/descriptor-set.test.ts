import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { EventFeedService, SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { expect, test } from "vitest";
import { descriptorSetOf, packageSetsOf, parseDescriptorSet } from "./descriptor-set.ts";
import { failureOf } from "./fixture-contract.ts";
import { methodOptions } from "./options.ts";

const set = descriptorSetOf([OrderService, CustomerService]);
const filesOf = (bytes: Uint8Array) => fromBinary(FileDescriptorSetSchema, bytes).file;

test("every file comes after all that it imports, and once", () => {
  const seen = new Set<string>();
  for (const file of filesOf(set.bytes)) {
    for (const imported of file.dependency)
      expect([file.name, imported, seen.has(imported)]).toEqual([file.name, imported, true]);
    expect(seen.has(file.name)).toBe(false);
    seen.add(file.name);
  }
  expect([...seen]).toEqual(
    expect.arrayContaining([
      "order/v1/order_service.proto",
      "customer/v1/customer.proto",
      "google/protobuf/descriptor.proto",
    ]),
  );
});

test("the hash does not depend on the order of the services", () => {
  expect(descriptorSetOf([CustomerService, OrderService])).toEqual(set);
  expect(set.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(descriptorSetOf([CustomerService]).hash).not.toBe(set.hash);
});

test("a set that is read back says the same as the generated code, our options too", () => {
  const { registry, hash } = parseDescriptorSet(set.bytes, "heddle.registry.v1");
  expect(hash).toBe(set.hash);
  const method = registry.getService("order.v1.OrderService")?.method.getOrder;
  expect(method && methodOptions(method)).toEqual(methodOptions(OrderService.method.getOrder));
});

test("a generated package's set is complete and the same, whichever of its services are offered", () => {
  const [feed] = packageSetsOf([EventFeedService]);
  const [both] = packageSetsOf([SubscriptionService, EventFeedService]);
  expect(feed?.hash).toBe(both?.hash);
  const { registry, hash } = parseDescriptorSet(feed?.read() ?? new Uint8Array(), "heddle.registry.v1");
  expect(hash).toBe(feed?.hash);
  expect(registry.getService("heddle.events.v1.SubscriptionService")).toBeDefined();
});

test("a generated package's set has the comments of its proto files", () => {
  const [set] = packageSetsOf([OrderService]);
  const file = filesOf(set?.read() ?? new Uint8Array()).find(({ name }) => name === "order/v1/order.proto");
  const message = file?.sourceCodeInfo?.location.find(({ path }) => path.join() === "4,0");
  expect(message?.leadingComments).toContain("Order ");
  expect(message?.span[0]).toBeGreaterThan(0);
});

test("services of a generated package's name that come from elsewhere are taken as they are", () => {
  const { registry } = parseDescriptorSet(set.bytes, "heddle.registry.v1");
  const other = registry.getService("customer.v1.CustomerService");
  if (other === undefined) throw new Error("the set has no CustomerService");
  const [made] = packageSetsOf([other]);
  expect(made?.hash).not.toBe(packageSetsOf([CustomerService])[0]?.hash);
  expect(made?.read()).toEqual(descriptorSetOf([other]).bytes);
});

const refused = { code: "InvalidArgument", reason: "CONTRACT_INVALID", domain: "heddle.registry.v1" };
const encode = (files: Parameters<typeof create<typeof FileDescriptorSetSchema>>[1]) =>
  toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, files));

test.each([
  ["garbage", new Uint8Array([255, 255, 255]), "not a google.protobuf.FileDescriptorSet"],
  ["nothing", new Uint8Array(), "no file"],
  ["too much", new Uint8Array(4 * 1024 * 1024 + 1), "4194305 bytes"],
  ["too many files", encode({ file: Array.from({ length: 513 }, (_, i) => ({ name: `${i}.proto` })) }), "513 files"],
  ["a file twice", encode({ file: [{ name: "a.proto" }, { name: "a.proto" }] }), "twice"],
  [
    "a type twice",
    encode({
      file: ["a.proto", "b.proto"].map((name) => ({ name, package: "x.v1", messageType: [{ name: "X" }] })),
    }),
    "it defines x.v1.X in a.proto and again in b.proto.",
  ],
  ["a missing import", encode({ file: [{ name: "a.proto", dependency: ["b.proto"] }] }), "a.proto imports b.proto"],
  [
    "a type that is nowhere",
    encode({
      file: [
        {
          name: "a.proto",
          syntax: "proto3",
          service: [{ name: "S", method: [{ name: "M", inputType: ".X", outputType: ".X" }] }],
        },
      ],
    }),
    "invalid",
  ],
  [
    "two files that import each other",
    encode({
      file: [
        { name: "a.proto", dependency: ["b.proto"] },
        { name: "b.proto", dependency: ["a.proto"] },
      ],
    }),
    "invalid",
  ],
])("%s is refused with what is wrong", async (_, bytes, text) => {
  const failure = await failureOf(() => parseDescriptorSet(bytes, "heddle.registry.v1"));
  expect(failure).toMatchObject(refused);
  expect(failure.message).toContain(text);
});
