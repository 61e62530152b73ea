import { readFileSync } from "node:fs";
import { packageNameOf } from "./generated-files.js";
let index;
/** The descriptor set of the package version that a generated file belongs to; undefined for files that are not from here. */
export function packageDescriptorSetOf(file) {
    const packageName = packageNameOf(file);
    if (packageName === undefined)
        return undefined;
    index ??= JSON.parse(readFileSync(new URL("./index.json", import.meta.url), "utf8"));
    const entry = index[packageName];
    if (entry === undefined)
        return undefined;
    // A set is its files behind each other: each stands on the disk once, as a set of one.
    const read = () => new Uint8Array(Buffer.concat(entry.files.map((name) => readFileSync(new URL(`./files/${name}.binpb`, import.meta.url)))));
    return { packageName, hash: entry.hash, read };
}
