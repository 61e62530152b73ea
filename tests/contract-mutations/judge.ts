import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import type { FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { CATEGORIES, compareContracts, RULE_IDS } from "../../mesh/contract/breaking/index.ts";
import { runToolQuietly } from "../../tools/run-tool.ts";
import type { Pair } from "./mutate.ts";
import type { Unit } from "./units.ts";

/** One finding, so that two judges can be compared: `FIELD_SAME_NAME m0042/order/v1/order.proto`, and where in it. */
export interface Finding {
  readonly rule: string;
  readonly path: string;
  readonly place: string;
  readonly message: string;
}

/** Findings by the name of the pair that they are about. */
export type Verdicts = ReadonlyMap<string, readonly Finding[]>;

/** A set without any file is none to buf. */
const EMPTY = create(FileDescriptorProtoSchema, { name: "empty.proto", package: "empty", syntax: "proto3" });

export const setOf = (units: readonly Unit[]): FileDescriptorSet => {
  const imported = new Map(units.flatMap((unit) => unit.imported.map((file) => [file.name, file])));
  return create(FileDescriptorSetSchema, {
    file: [EMPTY, ...imported.values(), ...units.flatMap(({ files }) => files)],
  });
};

/** What our own comparison says of a pair, by all rules. */
export const ourFindings = ({ before, after }: Pair): Finding[] => {
  const bytes = (unit: Unit): Uint8Array => toBinary(FileDescriptorSetSchema, setOf([unit]));
  const left = new Set(after.files.map(({ name }) => name));
  const violations = compareContracts(bytes(before), bytes(after), { rules: new Set(RULE_IDS) });
  return violations.map(({ rule, file, line, column, message }) => {
    // buf gives no path to what is gone with its file.
    if (rule === "PACKAGE_NO_DELETE" || !left.has(file)) return { rule, path: "", place: "", message };
    return { rule, path: file, place: `${line ?? 1}:${column ?? 1}`, message };
  });
};

/** What buf says of some pairs in one go, by all rules; or why it will not have one of the sets as a contract. */
export const bufFindings = (pairs: readonly Pair[], folder: string): Verdicts | string => {
  const [before, after] = [join(folder, "before.binpb"), join(folder, "after.binpb")];
  writeFileSync(before, toBinary(FileDescriptorSetSchema, setOf(pairs.map((pair) => pair.before))));
  writeFileSync(after, toBinary(FileDescriptorSetSchema, setOf(pairs.map((pair) => pair.after))));
  const config = JSON.stringify({ version: "v2", breaking: { use: CATEGORIES } });
  const args = ["breaking", after, "--against", before, "--error-format=json", `--config=${config}`];
  const { status, stdout, stderr } = runToolQuietly("buf", args, folder);
  if (status !== 0 && status !== 100) return stderr;
  const verdicts = new Map<string, Finding[]>(pairs.map(({ name }) => [name, []]));
  for (const line of stdout.split("\n")) {
    if (line === "") continue;
    const { path = "", start_line: row, start_column: column, type, message } = JSON.parse(line);
    if (type === "COMPILE") return message;
    const name = /m\d{5}/.exec(path || message)?.[0] ?? "";
    const findings = verdicts.get(name);
    if (findings === undefined) throw new Error(`buf speaks of something that was not asked: ${line}`);
    findings.push({ rule: type, path, place: path === "" ? "" : `${row}:${column}`, message });
  }
  return verdicts;
};
