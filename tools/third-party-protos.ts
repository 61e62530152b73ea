import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { file_buf_validate_validate, predefined } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProto } from "./print-proto.ts";
import { ROOT } from "./run-tool.ts";

/** The folder of third-party protos, relative to the repository: a second module of `buf.yaml`, ignored by git. */
export const THIRD_PARTY_FOLDER = ".heddle/third-party";

/** Where each third-party proto is found: the package that carries it, and its path in there. */
const COPIED: Readonly<Record<string, readonly [packageName: string, path: string]>> = {
  "google/api/annotations.proto": ["google-proto-files", "google/api/annotations.proto"],
  "google/api/field_behavior.proto": ["google-proto-files", "google/api/field_behavior.proto"],
  "google/api/http.proto": ["google-proto-files", "google/api/http.proto"],
  "google/rpc/code.proto": ["google-proto-files", "google/rpc/code.proto"],
  "google/rpc/error_details.proto": ["google-proto-files", "google/rpc/error_details.proto"],
  "google/rpc/status.proto": ["google-proto-files", "google/rpc/status.proto"],
  "grpc/health/v1/health.proto": ["grpc-health-check", "proto/health/v1/health.proto"],
  "grpc/reflection/v1/reflection.proto": ["@grpc/reflection", "build/proto/grpc/reflection/v1/reflection.proto"],
  "grpc/reflection/v1alpha/reflection.proto": [
    "@grpc/reflection",
    "build/proto/grpc/reflection/v1alpha/reflection.proto",
  ],
};

/**
 * Fills a folder with the protos of others that Heddle's contracts import or serve, taken from installed npm packages.
 * Files that do not belong there are removed. Needs no network. Throws when a package is not installed.
 *
 * `buf/validate/validate.proto` is in no npm package; it is printed from the descriptor that protovalidate carries.
 */
export function fillThirdPartyProtos(folder: string): void {
  const files = new Map<string, string>();
  for (const [target, [packageName, path]] of Object.entries(COPIED)) {
    files.set(target, readFileSync(join(packageFolder(packageName), path), "utf8"));
  }
  files.set("buf/validate/validate.proto", printProto(file_buf_validate_validate.proto, [predefined]));
  mkdirSync(folder, { recursive: true });
  for (const path of filesIn(folder)) if (!files.has(path)) rmSync(join(folder, path));
  for (const [path, text] of files) writeIfChanged(join(folder, path), text);
}

function packageFolder(name: string): string {
  // A package's exports may hide its package.json, so its folder is searched for instead of resolved.
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    try {
      readFileSync(join(folder, name, "package.json"));
      return join(folder, name);
    } catch {}
  }
  throw new Error(`${name} is not installed: run "npm ci"`);
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

function writeIfChanged(path: string, text: string): void {
  try {
    if (readFileSync(path, "utf8") === text) return;
  } catch {
    mkdirSync(dirname(path), { recursive: true });
  }
  writeFileSync(path, text);
}

if (import.meta.main) fillThirdPartyProtos(join(ROOT, THIRD_PARTY_FOLDER));
