import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { BREAKS_MAX, breaksBetween } from "./breaks-between.ts";
import { changesBetween } from "./changes-between.ts";
import { parseDescriptorSet } from "./descriptor-set.ts";
import { compileProtos } from "./fixtures/compile-protos.ts";
import { holdsContract, mergeContracts } from "./merge-contracts.ts";
import { fieldNamed, methodsWith } from "./methods-with.ts";
import { relatedTypes } from "./related-types.ts";

const MONEY = `package common.v1;
  message Money { string currency = 1; int64 units = 2; }
  message Unused { string text = 1; }`;
const ORDER = `package order.v1;
  import "common/v1/money.proto";
  message Order { string id = 1; common.v1.Money total = 2; State state = 3; oneof note { string text = 4; bytes blob = 5; } }
  enum State { STATE_UNSPECIFIED = 0; STATE_PAID = 1; }`;
const SERVICE = `package order.v1;
  import "order/v1/order.proto";
  message GetRequest { string id = 1; }
  message ListResponse { repeated Order orders = 1; }
  message PutRequest { Order order = 1; }
  message Empty {}
  service OrderService {
    rpc Get(GetRequest) returns (Order);
    rpc List(Empty) returns (stream ListResponse);
    rpc Put(PutRequest) returns (Empty);
  }`;
const ADMIN = `package order.v1;
  message PurgeRequest { string id = 1; }
  message PurgeResponse {}
  service AdminService { rpc Purge(PurgeRequest) returns (PurgeResponse); }`;

const FILES = {
  "common/v1/money.proto": MONEY,
  "order/v1/order.proto": ORDER,
  "order/v1/order_service.proto": SERVICE,
  "order/v1/admin_service.proto": ADMIN,
};
const { "order/v1/admin_service.proto": _, ...WITHOUT_ADMIN } = FILES;
const whole = compileProtos(FILES);
const withoutAdmin = compileProtos(WITHOUT_ADMIN);
const adminAlone = compileProtos({ "order/v1/admin_service.proto": ADMIN });

const registryOf = (bytes: Uint8Array) => createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
const registry = registryOf(whole);

const rules = (after: Uint8Array, lacking: "partial" | "deleted" = "partial") =>
  breaksBetween(whole, after, "order.v1", lacking).map(({ rule, element }) => `${rule} ${element}`);

describe("callers notice", () => {
  test("nothing of what is added", () => {
    const more = compileProtos({
      ...FILES,
      "order/v1/order.proto": ORDER.replace("string id = 1;", "string id = 1; string tag = 9;"),
    });
    expect(rules(more)).toEqual([]);
  });

  test("what a type of another package loses that their messages hold, and nothing of the others", () => {
    const changed = compileProtos({
      ...FILES,
      "common/v1/money.proto": MONEY.replace("int64 units = 2", "string units = 2"),
    });
    expect(rules(changed)).toEqual(["FIELD_WIRE_JSON_COMPATIBLE_TYPE common.v1.Money.units"]);
    const unused = compileProtos({ ...FILES, "common/v1/money.proto": MONEY.replace("string text = 1;", "") });
    expect(rules(unused)).toEqual([]);
  });

  test("a method that is gone, and a service that is gone from a file that is there", () => {
    const noPut = compileProtos({ ...FILES, "order/v1/order_service.proto": SERVICE.replace(/rpc Put.*/, "") });
    expect(rules(noPut)).toEqual([expect.stringMatching(/^RPC_NO_DELETE order\.v1\.OrderService/)]);
    const noService = compileProtos({ ...FILES, "order/v1/admin_service.proto": ADMIN.replace(/service .*/, "") });
    expect(rules(noService)).toEqual(["SERVICE_NO_DELETE order.v1.AdminService"]);
  });

  test("a file that is gone, unless who brings the contract serves a part of the package", () => {
    expect(rules(withoutAdmin, "partial")).toEqual([]);
    expect(rules(withoutAdmin, "deleted")).toEqual(["SERVICE_NO_DELETE order.v1.AdminService"]);
  });

  test("nothing of a service that moved to another file of the package", () => {
    const moved = compileProtos({ ...WITHOUT_ADMIN, "order/v1/administration.proto": ADMIN });
    expect(rules(moved, "deleted")).toEqual([]);
    expect(
      rules(compileProtos({ ...WITHOUT_ADMIN, "order/v1/administration.proto": ADMIN.replace(/service .*/, "") })),
    ).toEqual(["SERVICE_NO_DELETE order.v1.AdminService"]);
  });
});

test("a break names its line in what was brought, and what it was and is", () => {
  const changed = compileProtos({ ...FILES, "order/v1/order.proto": ORDER.replace("string id = 1;", "int32 id = 1;") });
  expect(breaksBetween(whole, changed, "order.v1", "partial")).toMatchObject([
    {
      file: "order/v1/order.proto",
      line: 4,
      element: "order.v1.Order.id",
      before: "string",
      after: "int32",
    },
  ]);
});

describe("of a contract that breaks everything", () => {
  /** `foreign` fields of a message that nobody holds, in a file before the own one, and `own` fields, all of a type. */
  const side = (type: number, foreign: number, own: number) => {
    const field = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ name: `f${index}`, number: index + 1, type, label: 1 }));
    const held = { name: "Held", field: [] };
    const reference = { name: "held", number: 20_000, type: 11, label: 1, typeName: ".a.v1.Held" };
    const set = create(FileDescriptorSetSchema, {
      file: [
        {
          name: "a.proto",
          package: "a.v1",
          syntax: "proto3",
          messageType: [held, { name: "Free", field: field(foreign) }],
        },
        {
          name: "b.proto",
          package: "b.v1",
          syntax: "proto3",
          dependency: ["a.proto"],
          messageType: [{ name: "Own", field: [...field(own), reference] }],
        },
      ],
    });
    return toBinary(FileDescriptorSetSchema, set);
  };
  const between = (foreign: number, own: number) =>
    breaksBetween(side(9, foreign, own), side(5, foreign, own), "b.v1", "partial");

  test.each([
    [BREAKS_MAX - 1, BREAKS_MAX - 1],
    [BREAKS_MAX, BREAKS_MAX],
    [BREAKS_MAX + 1, BREAKS_MAX],
  ])("%i breaks are told as %i", (breaks, told) => {
    expect(between(0, breaks)).toHaveLength(told);
  });

  test("the one that callers notice is not hidden behind more than the bound that they do not", () => {
    expect(between(BREAKS_MAX + 1, 1)).toMatchObject([
      { rule: "FIELD_WIRE_JSON_COMPATIBLE_TYPE", element: "b.v1.Own.f0" },
    ]);
  });
});

describe("a contract that brings a part of a package", () => {
  test("keeps the files that it lacks from the one before, in whatever order the parts come", () => {
    const merged = mergeContracts(adminAlone, withoutAdmin, "order.v1");
    expect(parseDescriptorSet(merged, "test").registry.getService("order.v1.AdminService")).toBeDefined();
    expect(mergeContracts(withoutAdmin, adminAlone, "order.v1")).toEqual(merged);
    expect(holdsContract(merged, adminAlone)).toBe(true);
    expect(holdsContract(merged, withoutAdmin)).toBe(true);
    expect(holdsContract(adminAlone, merged)).toBe(false);
  });

  test("keeps none that it has under another name, and is itself where there is nothing to keep", () => {
    const moved = compileProtos({ ...WITHOUT_ADMIN, "order/v1/administration.proto": ADMIN });
    expect(mergeContracts(whole, moved, "order.v1")).toBe(moved);
    expect(mergeContracts(adminAlone, whole, "order.v1")).toBe(whole);
  });

  test("is not whole when a file that it changes lacks what a kept one needs", () => {
    const without = compileProtos({
      "common/v1/money.proto": MONEY.replace("Money", "Coin"),
      "order/v1/other.proto": "package order.v1;",
    });
    expect(() => parseDescriptorSet(mergeContracts(whole, without, "order.v1"), "test")).toThrow("Money");
  });
});

describe("the methods that hold", () => {
  const holding = (element: string) =>
    methodsWith(registry, "order.v1", element).map(
      ({ method, inRequest, inReply }) => `${method.name}${inRequest ? " request" : ""}${inReply ? " reply" : ""}`,
    );

  test.each([
    ["order.v1.GetRequest.id", ["Get request"]],
    ["order.v1.Order.id", ["Get reply", "List reply", "Put request"]],
    ["order.v1.Order.note", ["Get reply", "List reply", "Put request"]],
    ["common.v1.Money.units", ["Get reply", "List reply", "Put request"]],
    ["common.v1.Unused.text", []],
    ["order.v1.State", ["Get reply", "List reply", "Put request"]],
    ["order.v1.State.STATE_PAID", ["Get reply", "List reply", "Put request"]],
    ["order.v1.STATE_PAID", ["Get reply", "List reply", "Put request"]],
    ["order.v1.AdminService", ["Purge request reply"]],
    ["order.v1.OrderService.Put", ["Put request reply"]],
    ["order.v1.OrderService/Put", ["Put request reply"]],
    ["order/v1/order.proto", ["Purge request reply", "Get request reply", "List request reply", "Put request reply"]],
  ])("%s are %j", (element, expected) => {
    expect(holding(element)).toEqual(expected);
  });

  test("a field is found by its name", () => {
    expect(fieldNamed(registry, "order.v1.Order.total")?.number).toBe(2);
    expect(fieldNamed(registry, "order.v1.Order.note")).toBeUndefined();
    expect(fieldNamed(registry, "order.v1.Order")).toBeUndefined();
  });

  test("a type that holds itself ends the search", () => {
    const tree = registryOf(
      compileProtos({
        "tree/v1/tree.proto":
          "package tree.v1; message Node { repeated Node nodes = 1; map<string, Node> named = 2; } service S { rpc M(Node) returns (Node); }",
      }),
    );
    expect(methodsWith(tree, "tree.v1", "tree.v1.Node.nodes")).toHaveLength(1);
    expect([...relatedTypes(tree, "tree.v1").keys()]).toEqual(expect.arrayContaining(["tree.v1.Node", "tree.v1.S"]));
  });

  test("messages that hold each other ten thousand deep are compared as well", () => {
    const COUNT = 10_000;
    const chain = (field: string) => {
      const messageType = Array.from({ length: COUNT }, (_, index) => ({
        name: `M${index}`,
        field: [
          { name: field, number: 1, type: 9, label: 1, jsonName: field },
          ...(index + 1 < COUNT
            ? [{ name: "next", number: 2, type: 11, label: 1, typeName: `.deep.v1.M${index + 1}`, jsonName: "next" }]
            : []),
        ],
      }));
      const service = [{ name: "S", method: [{ name: "Do", inputType: ".deep.v1.M0", outputType: ".deep.v1.M0" }] }];
      const file = { name: "deep.proto", package: "deep.v1", syntax: "proto3", messageType, service };
      return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }));
    };
    const breaks = breaksBetween(chain("a"), chain("b"), "deep.v1", "partial");
    expect(new Set(breaks.map(({ rule }) => rule))).toEqual(new Set(["FIELD_SAME_JSON_NAME", "FIELD_SAME_NAME"]));
    expect(breaks).toHaveLength(BREAKS_MAX);
  });
});

describe("what differs", () => {
  const changes = (files: Readonly<Record<string, string>>) =>
    changesBetween(registry, registryOf(compileProtos(files)), "order.v1").map(
      ({ kind, element }) => `${kind} ${element}`,
    );

  test("is nothing where only comments, the order and positions do", () => {
    expect(changes({ ...FILES, "order/v1/admin_service.proto": `// Hi.\n${ADMIN}` })).toEqual([]);
    const set = fromBinary(FileDescriptorSetSchema, whole);
    for (const file of set.file) file.sourceCodeInfo = undefined;
    expect(changesBetween(registry, registryOf(toBinary(FileDescriptorSetSchema, set)), "order.v1")).toEqual([]);
  });

  test("is listed by element, the parts of what was added or removed left out", () => {
    expect(
      changes({
        ...WITHOUT_ADMIN,
        "order/v1/order.proto": ORDER.replace(
          "string id = 1;",
          "string id = 1 [deprecated = true]; string tag = 9;",
        ).replace("STATE_PAID = 1;", "STATE_PAID = 1; STATE_SENT = 2;"),
        "order/v1/order_service.proto": SERVICE.replace(
          "rpc Get(",
          "rpc Find(Empty) returns (stream Found);\n rpc Get(",
        ).replace("message Empty {}", "message Empty {} message Found { Order order = 1; }"),
      }),
    ).toEqual([
      "removed order.v1.AdminService",
      "added order.v1.Found",
      "changed order.v1.Order.id",
      "added order.v1.Order.tag",
      "added order.v1.OrderService/Find",
      "removed order.v1.PurgeRequest",
      "removed order.v1.PurgeResponse",
      "added order.v1.State.STATE_SENT",
    ]);
  });
});
