import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BASELINE, explain, findViolations } from "./breaking.ts";
import { ROOT, runToolQuietly } from "./run-tool.ts";
import { fillThirdPartyProtos, THIRD_PARTY_FOLDER } from "./third-party-protos.ts";

const CUSTOMER = "proto/customer/v1/customer.proto";
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "heddle-breaking-"));
  cpSync(join(ROOT, "proto"), join(root, "proto"), { recursive: true });
  cpSync(join(ROOT, "buf.yaml"), join(root, "buf.yaml"));
  fillThirdPartyProtos(join(root, THIRD_PARTY_FOLDER));
  // The baseline of the copy is the copy itself, so that a test sees its own edit alone.
  const build = runToolQuietly("buf", ["build", "proto", "--exclude-source-info", "--output", BASELINE], root);
  expect(build.stderr).toBe("");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function edit(path: string, change: (text: string) => string): void {
  const text = readFileSync(join(root, path), "utf8");
  expect(change(text)).not.toBe(text);
  writeFileSync(join(root, path), change(text));
}

test("a field that is removed is refused with file, line and rule, and with the next command", () => {
  edit(CUSTOMER, (text) => text.replace(/ {2}string region = 3 \[[^;]*\];\n/, ""));
  const violations = findViolations(root);
  const message = readFileSync(join(root, CUSTOMER), "utf8").split("\n").indexOf("message PostalAddress {") + 1;
  expect(violations).toEqual([
    { path: CUSTOMER, line: message, rule: "FIELD_NO_DELETE", message: expect.stringContaining('"region"') },
  ]);
  const words = explain(root, violations);
  expect(words).toContain(`${CUSTOMER}:${message}: FIELD_NO_DELETE: `);
  expect(words).toContain("cp -R proto/customer/v1 proto/customer/v2");
  expect(words).toContain("make release-contracts");
});

test("a field that changes its type is refused at its own line", () => {
  edit(CUSTOMER, (text) => text.replace("google.protobuf.Timestamp delete_time = 11", "string delete_time = 11"));
  const line = readFileSync(join(root, CUSTOMER), "utf8")
    .split("\n")
    .findIndex((text) => text.includes("string delete_time"));
  expect(findViolations(root)).toContainEqual(
    expect.objectContaining({ path: CUSTOMER, line: line + 1, rule: "FIELD_SAME_TYPE" }),
  );
});

test("a file that is removed is refused, and the next free version is proposed", () => {
  rmSync(join(root, "proto/creditscore/v2/credit_score_events.proto"));
  rmSync(join(root, "proto/creditscore/v1"), { recursive: true });
  const violations = findViolations(root);
  expect(violations.map(({ rule }) => rule)).toContain("FILE_NO_DELETE");
  expect(explain(root, violations)).toContain("cp -R proto/creditscore/v2 proto/creditscore/v3");
});

test("a field that is added passes", () => {
  edit(CUSTOMER, (text) => text.replace("string etag = 12", "string nickname = 13;\n  string etag = 12"));
  expect(findViolations(root)).toEqual([]);
});

test("a change in a proto of others is not ours to refuse", () => {
  const path = join(THIRD_PARTY_FOLDER, "google/rpc/status.proto");
  edit(path, (text) => text.replace("int32 code = 1", "int64 code = 1"));
  expect(findViolations(root)).toEqual([]);
});

test("protos that do not compile are an error, not a violation", () => {
  edit(CUSTOMER, (text) => text.replace("message Customer {", "message Customer"));
  expect(() => findViolations(root)).toThrow(/customer\.proto/);
});
