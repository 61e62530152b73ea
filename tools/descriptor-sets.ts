import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  type SourceCodeInfo_Location as Location,
} from "@bufbuild/protobuf/wkt";
import { runTool } from "./run-tool.ts";

/**
 * Writes each proto file as a descriptor set of its own into `files/`, and `index.json`: for each package with a service the
 * files that make its set, each after those it imports, and the hash of the whole. Generated code has no comments; these have.
 */
export function writeDescriptorSets(folder: string): void {
  const byName = new Map(buildImage().map((file) => [file.name, { file, bytes: setOfOne(slim(file)) }]));
  for (const [name, { bytes }] of byName) {
    const path = join(folder, "files", `${name}.binpb`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  const packages = Map.groupBy(byName.values(), ({ file }) => file.package);
  const index = [...packages]
    .filter(([, own]) => own.some(({ file }) => file.service.length > 0))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, own]) => {
      const files = withImports(own.map(({ file }) => file.name).sort(), byName);
      const hash = createHash("sha256");
      for (const file of files) hash.update(byName.get(file)?.bytes ?? new Uint8Array());
      return [name, { hash: hash.digest("hex"), files }];
    });
  writeFileSync(join(folder, "index.json"), `${JSON.stringify(Object.fromEntries(index), null, 1)}\n`);
}

/** Contracts that belong to examples, of which no code is generated. */
const EXAMPLES = "examples/exchange/proto/exchange";

/** All files of the repository's protos and what they import. */
function buildImage(): FileDescriptorProto[] {
  const folder = mkdtempSync(join(tmpdir(), "heddle-image-"));
  try {
    const path = join(folder, "image.binpb");
    const build = [
      "build",
      "--as-file-descriptor-set",
      "--exclude-source-retention-options",
      "--exclude-path",
      EXAMPLES,
    ];
    runTool("buf", [...build, "-o", path]);
    return fromBinary(FileDescriptorSetSchema, readFileSync(path)).file;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Leaves of the source code info what a reader of the contract wants: where each declaration stands, and its comments. */
function slim(file: FileDescriptorProto): FileDescriptorProto {
  if (file.sourceCodeInfo === undefined) return file;
  if (/^(google|buf)\//.test(file.name)) return { ...file, sourceCodeInfo: undefined };
  const location = file.sourceCodeInfo.location.filter(({ path }) => isDeclaration(path)).map(withoutDetached);
  return { ...file, sourceCodeInfo: { ...file.sourceCodeInfo, location } };
}

const withoutDetached = (location: Location): Location => ({ ...location, leadingDetachedComments: [] });

/** Fields of a FileDescriptorProto, DescriptorProto, EnumDescriptorProto and ServiceDescriptorProto that hold declarations. */
const DECLARATIONS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  file: { 4: "message", 5: "enum", 6: "service", 7: "leaf" },
  message: { 2: "leaf", 3: "message", 4: "enum", 6: "leaf", 8: "leaf" },
  enum: { 2: "leaf" },
  service: { 2: "leaf" },
  leaf: {},
};

function isDeclaration(path: readonly number[]): boolean {
  let kind: string | undefined = "file";
  for (let at = 0; at < path.length && kind !== undefined; at += 2) kind = DECLARATIONS[kind]?.[path[at] ?? 0];
  return path.length > 0 && path.length % 2 === 0 && kind !== undefined;
}

const setOfOne = (file: FileDescriptorProto): Uint8Array =>
  toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }));

function withImports(names: readonly string[], all: ReadonlyMap<string, { file: FileDescriptorProto }>): string[] {
  const ordered = new Set<string>();
  const add = (name: string): void => {
    if (ordered.has(name)) return;
    all.get(name)?.file.dependency.forEach(add);
    ordered.add(name);
  };
  names.forEach(add);
  return [...ordered];
}
