import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createFileRegistry, createRegistry, fromBinary, type Registry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const BUF = resolve(import.meta.dirname, "../../node_modules/.bin/buf");

/** Compiles the .proto files of a folder, imports included, to the bytes of a `google.protobuf.FileDescriptorSet`. */
export const compileProtos = (folder: string): Uint8Array => {
  const out = mkdtempSync(join(tmpdir(), "heddle-protos-"));
  try {
    const set = join(out, "set.binpb");
    execFileSync(BUF, ["build", folder, "--as-file-descriptor-set", "-o", set], { stdio: "inherit" });
    return readFileSync(set);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
};

/** All types of a descriptor set. */
export const registryOf = (set: Uint8Array): Registry =>
  createRegistry(...createFileRegistry(fromBinary(FileDescriptorSetSchema, set)));
