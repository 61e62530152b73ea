import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, onTestFinished, test } from "vitest";
import { buildWorkingTree } from "./working-tree.ts";

const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));

/** A folder that no buf.yaml names, with protos that import those of others. */
const copyOfProtos = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-copy-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ["customer/v1", "common/v1", "heddle/options/v1"]) {
    cpSync(join(REPOSITORY, "proto", name), join(folder, name), { recursive: true });
  }
  return folder;
};

const filesOf = (bytes: Uint8Array): string[] =>
  fromBinary(FileDescriptorSetSchema, bytes).file.map(({ name }) => name);

test("a copy of the protos in another folder compiles with the protos of others that the repository has", async () => {
  const folder = copyOfProtos();
  const tree = await buildWorkingTree(folder, REPOSITORY);
  expect(tree.folder).toBe(folder);
  expect(filesOf(tree.bytes)).toEqual(
    expect.arrayContaining(["customer/v1/customer_service.proto", "google/api/annotations.proto"]),
  );
});

test("a folder within a module is compiled alone, and named from the module", async () => {
  const tree = await buildWorkingTree("proto/customer", REPOSITORY);
  expect(tree.folder).toBe("proto");
  expect(filesOf(tree.bytes)).toContain("customer/v1/customer.proto");
  expect(filesOf(tree.bytes)).not.toContain("order/v1/order.proto");
});

test("what does not compile is told by the names of the files as a person has them, and not without end", async () => {
  const folder = copyOfProtos();
  const broken = Array.from({ length: 100 }, (_, index) => `message M${index} { Missing missing = 1; }\n`).join("");
  mkdirSync(join(folder, "loom/v1"), { recursive: true });
  writeFileSync(join(folder, "loom/v1/loom.proto"), `syntax = "proto3";\npackage loom.v1;\n${broken}`);
  const failure = await buildWorkingTree(folder, REPOSITORY).catch((error: Error) => error.message);
  const lines = String(failure).split("\n");
  expect(lines[0]).toBe(`The protos of ${folder} do not compile:`);
  expect(lines[1]).toMatch(new RegExp(`^${folder}/loom/v1/loom\\.proto:3:\\d+: ?cannot find .Missing`));
  expect(lines.at(-1)).toBe("and 80 more lines");
  expect(lines).toHaveLength(22);
});
