import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runToolQuietly } from "./run-tool.ts";
import { fillThirdPartyProtos } from "./third-party-protos.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-third-party-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("the printed validate.proto compiles to the descriptors that protovalidate carries", () => {
  fillThirdPartyProtos(folder);
  const output = join(folder, "image.binpb");
  const args = ["build", "--exclude-source-info", "--as-file-descriptor-set", "--output", output];
  expect(runToolQuietly("buf", args, folder).stderr).toBe("");
  const compiled = fromBinary(FileDescriptorSetSchema, readFileSync(output)).file.find(
    (file) => file.name === "buf/validate/validate.proto",
  );
  expect(comparable(compiled)).toEqual(comparable(file_buf_validate_validate.proto));
});

test("a file that does not belong to the third-party protos is removed", () => {
  mkdirSync(join(folder, "stray"));
  writeFileSync(join(folder, "stray/stray.proto"), 'syntax = "proto3";');
  fillThirdPartyProtos(folder);
  const protos = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".proto"));
  expect(protos.sort()).toEqual([
    "buf/validate/validate.proto",
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
  ]);
});

/** The file without what printing may change: file options, JSON names that follow from the names, order of extensions. */
function comparable(file: FileDescriptorProto | undefined): unknown {
  if (file === undefined) throw new Error("validate.proto was not compiled");
  const json = toJson(FileDescriptorProtoSchema, file) as Record<string, unknown>;
  return JSON.parse(
    JSON.stringify({ ...json, options: undefined }, (key, value) => (key === "jsonName" ? undefined : value)),
  );
}
