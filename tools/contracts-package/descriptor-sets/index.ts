import { readFileSync } from "node:fs";
import type { DescFile } from "@bufbuild/protobuf";
import { packageNameOf } from "./generated-files.js";

/** A package version as its proto files describe it: all of them, with comments, and all that they import. */
export interface PackageDescriptorSet {
  /** With its version, such as `customer.v1`. */
  readonly packageName: string;
  /** SHA-256 of the bytes, in lower-case hexadecimal. */
  readonly hash: string;
  /**
   * Reads the serialized google.protobuf.FileDescriptorSet from the disk, each file after those it imports. Source code info
   * holds where declarations stand and the comments on them; files of `google` and `buf` come without.
   */
  read(): Uint8Array;
}

interface Index {
  readonly [packageName: string]: { readonly hash: string; readonly files: readonly string[] };
}

let index: Index | undefined;

/** The descriptor set of the package version that a generated file belongs to; undefined for files that are not from here. */
export function packageDescriptorSetOf(file: DescFile): PackageDescriptorSet | undefined {
  const packageName = packageNameOf(file);
  if (packageName === undefined) return undefined;
  index ??= JSON.parse(readFileSync(new URL("./index.json", import.meta.url), "utf8")) as Index;
  const entry = index[packageName];
  if (entry === undefined) return undefined;
  // A set is its files behind each other: each stands on the disk once, as a set of one.
  const read = () =>
    new Uint8Array(
      Buffer.concat(entry.files.map((name) => readFileSync(new URL(`./files/${name}.binpb`, import.meta.url)))),
    );
  return { packageName, hash: entry.hash, read };
}
