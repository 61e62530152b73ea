import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, describe, expect, test } from "vitest";
import { runToolQuietly } from "../../../tools/run-tool.ts";
import { RULE_EXAMPLES } from "./fixtures/rule-examples.ts";
import type { RuleId } from "./index.ts";
import { ADMISSION_RULES, CATEGORIES, compareContracts, RULE_IDS } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "heddle-contracts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The descriptor set of some files, by name, as `buf build` compiles them. */
const compile = (name: string, files: Record<string, string>): Uint8Array => {
  mkdirSync(join(folder, name));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text);
  const { status, stderr } = runToolQuietly("buf", ["build", name, "--output", `${name}.binpb`], folder);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return readFileSync(join(folder, `${name}.binpb`));
};

/** What keeps a package from being admitted. */
const refusals = (before: Uint8Array, after: Uint8Array, packageName: string) =>
  compareContracts(before, after, { rules: ADMISSION_RULES, packages: new Set([packageName]) });

const withoutSourceInfo = (bytes: Uint8Array): Uint8Array => {
  const set = fromBinary(FileDescriptorSetSchema, bytes);
  for (const file of set.file) file.sourceCodeInfo = undefined;
  return toBinary(FileDescriptorSetSchema, set);
};

describe("each rule", () => {
  const packageOf = (rule: RuleId): string => rule.toLowerCase();
  const fileOf = (rule: RuleId): string => `${packageOf(rule)}.proto`;
  const text = (body: string, syntax = 'syntax = "proto3"', name: string): string =>
    `${syntax};\npackage ${name};\n${body}\n`;
  // A set without any file is none.
  const side = (name: string, bodyOf: (example: (typeof RULE_EXAMPLES)[number]) => string | undefined) =>
    compile(name, {
      "empty.proto": text("", undefined, "empty"),
      ...Object.fromEntries(
        RULE_EXAMPLES.flatMap((example) => {
          const file = bodyOf(example);
          return file === undefined ? [] : [[fileOf(example.rule), file]];
        }),
      ),
    });
  const before = side("before", ({ rule, syntax, before }) => text(before, syntax, packageOf(rule)));
  const harmless = side("harmless", ({ rule, syntax, harmless }) => text(harmless, syntax, packageOf(rule)));
  const broken = side("broken", ({ rule, syntax, breaks, breaksSyntax, breaksPackage }) =>
    breaks === undefined ? undefined : text(breaks, breaksSyntax ?? syntax, breaksPackage ?? packageOf(rule)),
  );

  test("has an example", () => {
    expect(RULE_EXAMPLES.map(({ rule }) => rule)).toEqual(RULE_IDS);
  });

  test.each(RULE_EXAMPLES)("$rule tells what breaks from what does not", ({ rule, breaks }) => {
    const options = { rules: new Set([rule]), packages: new Set([packageOf(rule)]) };
    expect(compareContracts(before, harmless, options)).toEqual([]);
    const violations = compareContracts(before, broken, options);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatchObject({ rule, message: expect.stringMatching(/^[A-Z].*\.$/) });
    const here = text(breaks ?? "", undefined, "")
      .split("\n")
      .findIndex((line) => line.endsWith("// here"));
    if (here !== -1) expect(violations[0]).toMatchObject({ file: fileOf(rule), line: here + 1 });
  });

  test.each(CATEGORIES)("of %s names the places that buf names", (category) => {
    const config = `--config=${JSON.stringify({ version: "v2", breaking: { use: [category] } })}`;
    const args = ["breaking", "broken.binpb", "--against=before.binpb", "--error-format=json", config];
    const bufs = runToolQuietly("buf", args, folder).stdout.trim().split("\n");
    const places = bufs.map((line) => {
      const { path, start_line, start_column, type } = JSON.parse(line);
      return path === undefined ? type : `${type} ${path}:${start_line}:${start_column}`;
    });
    const ours = compareContracts(before, broken, { category }).map(({ rule, file, line = 1, column = 1 }) =>
      /^(FILE|PACKAGE)_NO_DELETE$/.test(rule) ? rule : `${rule} ${file}:${line}:${column}`,
    );
    expect(ours.sort()).toEqual(places.sort());
  });

  test("needs no source info, and names the file then", () => {
    const violations = compareContracts(withoutSourceInfo(before), withoutSourceInfo(broken), { category: "WIRE" });
    expect(violations).toContainEqual(
      expect.objectContaining({ rule: "FIELD_WIRE_COMPATIBLE_TYPE", file: "field_wire_compatible_type.proto" }),
    );
    expect(violations.every(({ line }) => line === undefined)).toBe(true);
  });
});

describe("a violation", () => {
  const shop = (body: string): Record<string, string> => ({
    "shop.proto": `syntax = "proto3";\npackage shop.v1;\nimport "money.proto";\n${body}`,
    "money.proto": 'syntax = "proto3";\npackage money.v1;\nmessage Money { int64 units = 1; }',
  });
  const before = compile("shop", shop("message Cart { money.v1.Money total = 1; repeated string items = 2; }"));

  test("says what was and is, and where", () => {
    const after = compile("shop-retyped", shop("message Cart { string total = 1;\nrepeated int32 items = 2; }"));
    expect(compareContracts(before, after, { category: "WIRE" })).toEqual([
      {
        rule: "FIELD_WIRE_COMPATIBLE_TYPE",
        file: "shop.proto",
        line: 4,
        column: 16,
        element: "shop.v1.Cart.total",
        before: "money.v1.Money",
        after: "string",
        message:
          'Field "total" (1) of shop.v1.Cart changed its type from money.v1.Money to string. Their encoding differs.',
      },
      expect.objectContaining({ element: "shop.v1.Cart.items", before: "string", after: "int32", line: 5 }),
    ]);
  });

  test("is not reported for a package that nobody asked of", () => {
    const after = compile("shop-gone", shop("message Cart {}"));
    expect(compareContracts(before, after, { category: "WIRE", packages: new Set(["money.v1"]) })).toEqual([]);
  });

  test("keeps a package from being admitted when JSON or a call would break", () => {
    const after = compile("shop-renamed", shop("message Cart { money.v1.Money sum = 1; repeated string items = 2; }"));
    expect(refusals(before, after, "shop.v1").map(({ rule }) => rule)).toEqual([
      "FIELD_SAME_JSON_NAME",
      "FIELD_SAME_NAME",
    ]);
    expect(refusals(before, after, "money.v1")).toEqual([]);
  });

  test("is none where an offer has only a part of its package", () => {
    const whole = compile("whole", {
      "a.proto": 'syntax = "proto3"; package part.v1; message A {} service S { rpc Call(A) returns (A); }',
      "b.proto": 'syntax = "proto3"; package part.v1; message B {} service T {}',
    });
    const part = compile("part", { "b.proto": 'syntax = "proto3"; package part.v1; message B {} service T {}' });
    expect(refusals(whole, part, "part.v1")).toEqual([]);
  });

  test("is an RPC that is gone from a service", () => {
    const rpc = "message A {} service S { rpc Call(A) returns (A); }";
    const whole = compile("rpc", { "a.proto": `syntax = "proto3"; package rpc.v1; ${rpc}` });
    const less = compile("rpc-less", { "a.proto": 'syntax = "proto3"; package rpc.v1; message A {} service S {}' });
    expect(refusals(whole, less, "rpc.v1")).toMatchObject([{ rule: "RPC_NO_DELETE", element: "rpc.v1.S.Call" }]);
  });
});

test("a descriptor that was handed out at run time lacks JSON names, which changes nothing", () => {
  const text = 'syntax = "proto3"; package run.v1; message M { string some_long_name = 1; }';
  const before = compile("json-names", { "run.proto": text });
  const set = fromBinary(FileDescriptorSetSchema, before);
  for (const field of set.file[0]?.messageType[0]?.field ?? []) field.jsonName = "";
  expect(compareContracts(before, set, { category: "FILE" })).toEqual([]);
});

test("a set that defines a name twice is refused", () => {
  const set = fromBinary(
    FileDescriptorSetSchema,
    compile("twice", { "a.proto": 'syntax = "proto3"; package twice.v1; message M {}' }),
  );
  const [file] = set.file;
  if (file === undefined) throw new Error("The set is empty.");
  const twice = { ...set, file: [file, { ...file, name: "b.proto" }] };
  expect(() => compareContracts(set, twice, { category: "WIRE" })).toThrow(
    "The descriptor set defines twice.v1.M in a.proto and again in b.proto.",
  );
});

test("a name that is longer than any contract needs is refused: everything is kept by its name", () => {
  const file = { name: "a.proto", package: "long.v1", messageType: [{ name: "M".repeat(600) }] };
  const set = create(FileDescriptorSetSchema, { file: [file] });
  expect(() => compareContracts(set, set, { category: "WIRE" })).toThrow(
    "The descriptor set has a name of 608 characters, more than 512.",
  );
});

describe("of no more violations than are asked for", () => {
  const value = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, number) => ({ name: `${prefix}${number}`, number }));
  const side = (prefix: string, count: number): Uint8Array => {
    const enumType = [{ name: "E", value: value(prefix, count) }];
    const file = { name: "a.proto", package: "many.v1", syntax: "proto3", enumType };
    return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }));
  };

  test.each([
    [999, 999],
    [1000, 1000],
    [1001, 1000],
  ])("%i are told as %i", (count, told) => {
    const options = { category: "WIRE_JSON", violationsMax: 1000 } as const;
    expect(compareContracts(side("A", count), side("B", count), options)).toHaveLength(told);
  });

  test("those that do not count take no place", () => {
    const isCounted = ({ before }: { before: string }) => before.includes("A4999");
    const options = { category: "WIRE_JSON", violationsMax: 1, isCounted } as const;
    expect(compareContracts(side("A", 5000), side("B", 5000), options)).toHaveLength(1);
  });
});
