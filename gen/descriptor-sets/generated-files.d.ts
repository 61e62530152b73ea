import type { DescFile } from "@bufbuild/protobuf";
/** Notes which files are those of a package version. */
export declare function remember(packageName: string, files: readonly DescFile[]): void;
/** The package version that a generated file belongs to; undefined for files from elsewhere, whatever they are named. */
export declare function packageNameOf(file: DescFile): string | undefined;
