import { clone, create } from "@bufbuild/protobuf";
import { FieldMaskSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CustomerSchema } from "@heddle/contracts/customer/v1";
import { OrderSchema } from "@heddle/contracts/order/v1";
import fc from "fast-check";
import { expect, test } from "vitest";
import { applyUpdate } from "./apply-update.ts";
import { failureOf, LoomSchema, PartSchema, violationsOf } from "./fixture-contract.ts";

const mask = (...paths: string[]) => create(FieldMaskSchema, { paths });
const current = create(CustomerSchema, {
  id: "cus_1",
  givenName: "Ada",
  familyName: "Lovelace",
  email: "ada@example.com",
  address: { lines: ["St James's Square"], city: "London", countryCode: "GB" },
  createTime: timestampFromMs(1000),
  etag: "e1",
});
const customer = (init: Parameters<typeof create<typeof CustomerSchema>>[1]) => create(CustomerSchema, init);

test("a mask changes what it names and nothing else", () => {
  const updated = applyUpdate(
    CustomerSchema,
    current,
    customer({ givenName: "Augusta", email: "x" }),
    mask("given_name"),
  );
  expect(updated).toEqual({ ...current, givenName: "Augusta" });
});

test("a field that the mask names and the patch lacks is cleared", () => {
  const updated = applyUpdate(CustomerSchema, current, customer({}), mask("email", "address"));
  expect(updated).toMatchObject({ email: "", givenName: "Ada" });
  expect(updated.address).toBeUndefined();
});

test("a path into a message changes that field of it", () => {
  const updated = applyUpdate(CustomerSchema, current, customer({ address: { city: "Paris" } }), mask("address.city"));
  expect(updated.address).toMatchObject({ city: "Paris", countryCode: "GB", lines: ["St James's Square"] });
});

test("a path into a message that is not there creates it, and clearing in one does not", () => {
  const homeless = customer({ id: "cus_1" });
  const settled = applyUpdate(CustomerSchema, homeless, customer({ address: { city: "Paris" } }), mask("address.city"));
  expect(settled.address?.city).toBe("Paris");
  expect(applyUpdate(CustomerSchema, homeless, customer({}), mask("address.city")).address).toBeUndefined();
});

test("a message at the end of a path, and a list, are replaced whole", () => {
  const patch = customer({ address: { city: "Paris", lines: ["a", "b"] } });
  expect(applyUpdate(CustomerSchema, current, patch, mask("address")).address).toMatchObject({
    city: "Paris",
    countryCode: "",
  });
  expect(applyUpdate(CustomerSchema, current, patch, mask("address.lines")).address).toMatchObject({
    city: "London",
    lines: ["a", "b"],
  });
});

test.each([[undefined], [mask()]])("without a mask the populated fields change", (none) => {
  const updated = applyUpdate(CustomerSchema, current, customer({ familyName: "King" }), none);
  expect(updated).toEqual({ ...current, familyName: "King" });
});

test("a star replaces everything that the caller may set", () => {
  const updated = applyUpdate(CustomerSchema, current, customer({ givenName: "Eve" }), mask("*"));
  expect(updated).toEqual(
    create(CustomerSchema, { id: "cus_1", givenName: "Eve", createTime: timestampFromMs(1000), etag: "e1" }),
  );
});

test("output-only fields keep their value whatever the mask says", () => {
  const patch = customer({ id: "cus_2", etag: "e2", createTime: timestampFromMs(9), givenName: "Eve" });
  const kept = { id: "cus_1", etag: "e1", createTime: timestampFromMs(1000) };
  for (const paths of [mask(), mask("*"), mask("id", "etag", "create_time", "create_time.seconds")]) {
    expect(applyUpdate(CustomerSchema, current, patch, paths)).toMatchObject(kept);
  }
});

test("unknown paths are refused, each by name and with what was meant", async () => {
  const update = () =>
    applyUpdate(CustomerSchema, current, customer({}), mask("given_name", "adress.city", "shoe", "email.host"));
  expect(await failureOf(update)).toMatchObject({
    code: "InvalidArgument",
    reason: "UPDATE_MASK_INVALID",
    domain: "customer.v1",
    fields: ["update_mask", "update_mask", "update_mask"],
  });
  expect(violationsOf(update)).toEqual([
    "update_mask: 'adress.city' is not a field of customer.v1.Customer (did you mean 'address.city'?)",
    "update_mask: 'shoe' is not a field of customer.v1.Customer",
    "update_mask: 'email.host' goes beyond 'email', which is replaced whole",
  ]);
});

test("a star beside other paths, an empty path and too many paths are refused", async () => {
  for (const paths of [mask("*", "email"), mask(""), mask(...Array.from({ length: 129 }, () => "email"))]) {
    const failure = await failureOf(() => applyUpdate(CustomerSchema, current, customer({}), paths));
    expect(failure.reason).toBe("UPDATE_MASK_INVALID");
  }
});

test("an immutable field may be repeated but not changed", async () => {
  const order = create(OrderSchema, { id: "ord_1", customerId: "cus_1" });
  const same = create(OrderSchema, { customerId: "cus_1" });
  expect(applyUpdate(OrderSchema, order, same, mask("customer_id"))).toEqual(order);
  const other = create(OrderSchema, { customerId: "cus_2" });
  for (const paths of [mask(), mask("*"), mask("customer_id")]) {
    expect(await failureOf(() => applyUpdate(OrderSchema, order, other, paths))).toMatchObject({
      code: "InvalidArgument",
      reason: "FIELD_IMMUTABLE",
      fields: ["customer_id"],
    });
  }
});

test("fields of the service within a message that is replaced whole keep their value", async () => {
  const part = (init: Record<string, unknown>) => create(PartSchema, init);
  const loom = create(LoomSchema, { id: "l1", frame: part({ maker: "A", serial: "s1", mount: "m" }) });
  const patch = create(LoomSchema, { frame: part({ maker: "B", serial: "forged" }) });
  expect(applyUpdate(LoomSchema, loom, patch, mask("frame"))).toMatchObject({
    frame: { maker: "B", serial: "s1", mount: "m" },
  });
  const remounted = create(LoomSchema, { frame: part({ mount: "other" }) });
  expect((await failureOf(() => applyUpdate(LoomSchema, loom, remounted, mask("frame")))).fields).toEqual([
    "frame.mount",
  ]);
});

test("output-only fields do not come in by the items of a list or a map", () => {
  const item = create(PartSchema, { maker: "B", serial: "forged" });
  const patch = create(LoomSchema, { spares: [item], parts: { a: item } });
  const updated = applyUpdate(LoomSchema, create(LoomSchema), patch, mask("spares", "parts"));
  expect(updated).toMatchObject({ spares: [{ maker: "B", serial: "" }], parts: { a: { maker: "B", serial: "" } } });
  expect(item).toMatchObject({ serial: "forged" });
});

test("a map is replaced whole and a oneof changes its case", () => {
  const loom = create(LoomSchema, { labels: { a: "1", b: "2" }, drive: { case: "hand", value: "left" } });
  const patch = create(LoomSchema, { labels: { c: "3" }, drive: { case: "motor", value: "x" } });
  const updated = applyUpdate(LoomSchema, loom, patch, mask("labels", "motor"));
  expect(updated).toMatchObject({ labels: { c: "3" }, drive: { case: "motor", value: "x" } });
  expect(applyUpdate(LoomSchema, loom, create(LoomSchema), mask("motor"))).toMatchObject({ drive: { case: "hand" } });
});

test("neither the resource nor the patch is changed or shared", () => {
  const [before, patch] = [clone(CustomerSchema, current), customer({ address: { lines: ["x"] } })];
  const updated = applyUpdate(CustomerSchema, current, patch, mask("address"));
  updated.address?.lines.push("y");
  expect(current).toEqual(before);
  expect(patch.address?.lines).toEqual(["x"]);
});

test("applying an update twice is applying it once", () => {
  const paths = ["given_name", "email", "address", "address.city", "id", "phone"];
  const patches = fc.record({ givenName: fc.string(), email: fc.string(), address: fc.record({ city: fc.string() }) });
  fc.assert(
    fc.property(fc.subarray(paths), patches, (chosen, init) => {
      const once = applyUpdate(CustomerSchema, current, customer(init), mask(...chosen));
      expect(applyUpdate(CustomerSchema, once, customer(init), mask(...chosen))).toEqual(once);
    }),
  );
});
