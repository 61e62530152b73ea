import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runToolQuietly } from "../../../tools/run-tool.ts";
import { CATEGORIES, compareContracts, RULE_IDS } from "./index.ts";

// Where chance would take long to come by every pair, each is tried: a field that was this and is that.

const folder = mkdtempSync(join(tmpdir(), "heddle-every-change-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SCALARS = [
  ...["double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64"],
  ...["fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes"],
];

const TYPES = "message M {}\nmessage N {}\nenum E { A = 0; B = 2; }\nenum F { C = 0; }\n";

/** A field as proto text has it, of a name and a number that are not known yet. */
type Text = (name: string, number: number) => string;

const field =
  (type: string, options = ""): Text =>
  (name, number) =>
    `${type} ${name} = ${number}${options === "" ? "" : ` [${options}]`};`;

const inOneof =
  (type: string): Text =>
  (name, number) =>
    `oneof of_${name} { ${type} ${name} = ${number}; }`;

const withDefaults = (type: string, ...values: readonly string[]): Text[] => [
  field(type),
  ...values.map((value) => field(type, `default = ${value}`)),
];

const SYNTAXES: Record<string, readonly Text[]> = {
  'syntax = "proto3"': [
    ...[...SCALARS, "E", "F", "M", "N"].map((type) => field(type)),
    ...["optional string", "repeated string", "optional M", "repeated M", "map<string, M>", "map<string, string>"].map(
      (type) => field(type),
    ),
    ...["string", "int64", "M"].map(inOneof),
    field("int64", "jstype = JS_STRING"),
    field("string", "ctype = CORD"),
    field("bytes", "ctype = STRING_PIECE"),
  ],
  'syntax = "proto2"': [
    ...["optional", "required", "repeated"].flatMap((label) => [
      ...["int32", "string", "bytes", "E", "M"].map((type) => field(`${label} ${type}`)),
      (name: string, number: number): string =>
        `${label} group ${name.replace("f", "F")} = ${number} { optional int32 a = 1; }`,
    ]),
    field("map<int32, E>"),
    inOneof("bytes"),
  ],
  'edition = "2023"': [
    ...["EXPLICIT", "IMPLICIT", "LEGACY_REQUIRED"].map((presence) =>
      field("int32", `features.field_presence = ${presence}`),
    ),
    field("M"),
    field("M", "features.message_encoding = DELIMITED"),
    field("repeated M", "features.message_encoding = DELIMITED"),
    field("string", "features.utf8_validation = NONE"),
    field("map<string, M>"),
    ...withDefaults("int32", "0", "1", "-1", "2"),
    ...withDefaults("uint64", "1", "18446744073709551615"),
    ...withDefaults("int64", "-1", "9223372036854775807"),
    ...withDefaults("double", "0", "1", "0.1", "nan", "inf", "-inf", "18446744073709551615"),
    ...withDefaults("float", "0", "1", "0.1", "nan", "inf", "-inf"),
    ...withDefaults("bool", "true", "false"),
    ...withDefaults("string", '""', '"1"', '"é"', '"\\\\"'),
    ...withDefaults("bytes", '""', '"1"', '"\\303\\251"', '"\\377\\000"', '"\\\\"'),
    ...withDefaults("E", "A", "B"),
  ],
};

test.each(Object.entries(SYNTAXES))(
  "%s: a field that was any of these and is any other is judged as buf does",
  (syntax, texts) => {
    const side = (name: string, pick: (was: Text, is: Text) => Text): Uint8Array => {
      const pairs = texts.flatMap((was) => texts.map((is) => pick(was, is)));
      const lines = pairs.map((text, index) => text(`f${index}`, index < 18_999 ? index + 1 : index + 1_001));
      const file = `${syntax};\npackage every.v1;\n${TYPES}message Every {\n${lines.join("\n")}\n}\n`;
      writeFileSync(join(folder, "every.proto"), file);
      const { stderr } = runToolQuietly("buf", ["build", "every.proto", "--output", name], folder);
      expect(stderr).toBe("");
      return readFileSync(join(folder, name));
    };
    const before = side("before.binpb", (was) => was);
    const after = side("after.binpb", (_, is) => is);
    const config = `--config=${JSON.stringify({ version: "v2", breaking: { use: CATEGORIES } })}`;
    const args = ["breaking", "after.binpb", "--against=before.binpb", "--error-format=json", config];
    const { stdout } = runToolQuietly("buf", args, folder);
    const bufs = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .map(({ type, start_line, start_column }) => `${start_line}:${start_column} ${type}`);
    const ours = compareContracts(before, after, { rules: new Set(RULE_IDS) });
    expect(ours.length).toBeGreaterThan(texts.length);
    expect(ours.map(({ rule, line, column }) => `${line}:${column} ${rule}`).sort()).toEqual(bufs.sort());
  },
);
