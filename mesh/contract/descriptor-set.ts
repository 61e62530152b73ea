import { createHash } from "node:crypto";
import type { DescFile, DescService, FileRegistry } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { packageDescriptorSetOf } from "@heddle/contracts/descriptor-sets";
import { contractTree } from "./breaking/contract-tree.ts";
import { commonReasons } from "./common-reasons.ts";
import { fail } from "./fail.ts";
import { fileRegistryOf } from "./file-registry.ts";

/** A contract as it travels: what `buf build` writes and server reflection hands out. */
export interface DescriptorSet {
  /** A serialized google.protobuf.FileDescriptorSet, dependencies before what needs them. */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, in hex: the same for the same services built from the same files. */
  readonly hash: string;
}

/** One package version as an instance offers it. */
export interface PackageSet {
  /** With its version, such as `customer.v1`. */
  readonly packageName: string;
  /** Those of the package that are offered. */
  readonly services: readonly DescService[];
  /** SHA-256 of the bytes, in hex. */
  readonly hash: string;
  /** The serialized google.protobuf.FileDescriptorSet. Not kept: read from the disk where the package is a generated one. */
  read(): Uint8Array;
}

/**
 * The descriptor sets of some services, one for each package version. Where the package is one of `@heddle/contracts`, the set
 * is complete and has comments: it says the same whichever of the package's services are offered. Otherwise it holds what the
 * descriptors at hand lead to.
 */
export const packageSetsOf = (services: readonly DescService[]): PackageSet[] =>
  [...Map.groupBy(services, ({ file }) => file.proto.package)].map(([packageName, own]) => {
    const [set, ...others] = own.map(({ file }) => packageDescriptorSetOf(file));
    if (set !== undefined && others.every((other) => other?.hash === set.hash)) {
      return { packageName, services: own, hash: set.hash, read: set.read };
    }
    const { bytes, hash } = descriptorSetOf(own);
    return { packageName, services: own, hash, read: () => bytes };
  });

/** Bounds of a set that comes from elsewhere; ours have about 20 files and 100 KB. */
const SET_BYTES_MAX = 4 * 1024 * 1024;
const FILES_MAX = 512;

/** The descriptor set of some services: their files and everything that those import. */
export const descriptorSetOf = (services: readonly DescService[]): DescriptorSet => {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file.proto.name)) return;
    for (const dependency of file.dependencies) add(dependency);
    files.set(file.proto.name, file);
  };
  const sorted = [...services].sort((a, b) => (a.typeName < b.typeName ? -1 : 1));
  for (const { file } of sorted) add(file);
  const set = create(FileDescriptorSetSchema, { file: Array.from(files.values(), ({ proto }) => proto) });
  const bytes = toBinary(FileDescriptorSetSchema, set);
  return { bytes, hash: descriptorSetHash(bytes) };
};

/**
 * Reads a descriptor set that came from elsewhere. Throws INVALID_ARGUMENT `CONTRACT_INVALID` that says what is wrong:
 * more than 4 MiB or 512 files, bytes that are no descriptor set, a file or a name twice, an import that is not in the set.
 *
 * @param domain The package that answers, for instance `heddle.registry.v1`.
 */
export const parseDescriptorSet = (bytes: Uint8Array, domain: string): { registry: FileRegistry; hash: string } => {
  const refuse = (problem: string, cause?: unknown): ConnectError =>
    fail(commonReasons(domain).CONTRACT_INVALID, { problem }, { cause });
  if (bytes.length > SET_BYTES_MAX) throw refuse(`it has ${bytes.length} bytes, more than ${SET_BYTES_MAX}`);
  let set: FileDescriptorSet;
  try {
    set = fromBinary(FileDescriptorSetSchema, bytes);
  } catch (cause) {
    throw refuse("its bytes are not a google.protobuf.FileDescriptorSet", cause);
  }
  const problem = problemOf(set);
  if (problem !== undefined) throw refuse(problem);
  try {
    // Throws where a name is there twice: which of the two is meant nobody could say.
    contractTree(set);
    return { registry: fileRegistryOf(set), hash: descriptorSetHash(bytes) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "its files do not fit together";
    throw refuse(why.replace(/^The descriptor set /, "it ").replace(/\.$/, ""), cause);
  }
};

const problemOf = (set: FileDescriptorSet): string | undefined => {
  if (set.file.length === 0) return "it holds no file";
  if (set.file.length > FILES_MAX) return `it holds ${set.file.length} files, more than ${FILES_MAX}`;
  const names = new Set(set.file.map(({ name }) => name));
  if (names.size < set.file.length) return "it holds a file twice";
  for (const { name, dependency } of set.file) {
    const missing = dependency.find((imported) => !names.has(imported));
    if (missing !== undefined) return `${name} imports ${missing}, which is not in it`;
  }
  return undefined;
};

/** What names a serialized descriptor set: its SHA-256, in hex. */
export const descriptorSetHash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
