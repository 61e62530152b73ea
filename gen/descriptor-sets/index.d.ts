import type { DescFile } from "@bufbuild/protobuf";
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
/** The descriptor set of the package version that a generated file belongs to; undefined for files that are not from here. */
export declare function packageDescriptorSetOf(file: DescFile): PackageDescriptorSet | undefined;
