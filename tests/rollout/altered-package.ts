import { readPackage, writePackage } from "../../cli/rollout/package-manifest.ts";

/** What is replaced in a package's files: each text must be there. */
export interface Alteration {
  readonly version: string;
  readonly replace?: readonly (readonly [file: string, from: string, to: string])[];
  readonly add?: Readonly<Record<string, string>>;
}

/** Another release of a package: its code with some lines replaced, and files that it did not have. */
export const alteredPackage = (archive: Uint8Array, { version, replace = [], add = {} }: Alteration): Buffer => {
  const { manifest, files } = readPackage(archive);
  const content = new Map(files.slice(1).map(({ path, bytes }) => [path, bytes]));
  const all = [["main.js", `var version = "${manifest.version}";`, `var version = "${version}";`] as const, ...replace];
  for (const [file, from, to] of all) {
    const text = Buffer.from(content.get(file) ?? []).toString("utf8");
    if (!text.includes(from)) throw new Error(`${file} holds no ${from}`);
    content.set(file, Buffer.from(text.replace(from, () => to)));
  }
  for (const [file, text] of Object.entries(add)) content.set(file, Buffer.from(text));
  const { format: _, files: __, ...about } = manifest;
  return writePackage({ ...about, version }, content).archive;
};
