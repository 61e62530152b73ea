import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { writeDescriptorSets } from "./descriptor-sets.ts";
import { ROOT, runTool } from "./run-tool.ts";
import { fillThirdPartyProtos, THIRD_PARTY_FOLDER } from "./third-party-protos.ts";

const HANDWRITTEN = join(ROOT, "tools/contracts-package");

/**
 * Writes the package `@heddle/contracts` into a folder: what protoc-gen-es generates from our protos and from those of
 * others, an index for each proto package, descriptor sets with comments, the hand-written files of `tools/contracts-package/`, and package.json.
 * The folder holds nothing else afterwards. Needs no network. Throws when buf refuses the protos.
 */
export function generateInto(folder: string): void {
  fillThirdPartyProtos(join(ROOT, THIRD_PARTY_FOLDER));
  const fresh = mkdtempSync(join(tmpdir(), "heddle-gen-"));
  try {
    const template = JSON.stringify({
      version: "v2",
      inputs: ["proto", THIRD_PARTY_FOLDER].map((directory) => ({ directory })),
      plugins: [{ local: "protoc-gen-es", out: fresh, opt: pluginOptions() }],
    });
    runTool("buf", ["generate", "--template", template]);
    const packages = writeIndexes(fresh);
    writeDescriptorSets(join(fresh, "descriptor-sets"));
    runTool("tsc", ["--project", HANDWRITTEN, "--outDir", fresh]);
    copyFileSync(join(HANDWRITTEN, "README.md"), join(fresh, "README.md"));
    writeFileSync(join(fresh, "package.json"), packageJson(packages));
    replaceFiles(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Lists how the files of two folders differ, one line for each: `missing`, `changed` or `stale` in the second. */
export function differences(expectedFolder: string, actualFolder: string): string[] {
  const expected = new Set(filesIn(expectedFolder));
  const actual = new Set(filesIn(actualFolder));
  const lines: string[] = [];
  for (const path of [...new Set([...expected, ...actual])].sort()) {
    if (!actual.has(path)) lines.push(`missing  ${path}`);
    else if (!expected.has(path)) lines.push(`stale    ${path}`);
    else if (!readFileSync(join(expectedFolder, path)).equals(readFileSync(join(actualFolder, path)))) {
      lines.push(`changed  ${path}`);
    }
  }
  return lines;
}

/** Reads the plugin's options from buf.gen.yaml, which stays the one place that says how code is generated. */
function pluginOptions(): string[] {
  const text = readFileSync(join(ROOT, "buf.gen.yaml"), "utf8");
  return [...text.matchAll(/^ {6}- (\S+)$/gm)].map((match) => match[1] ?? "");
}

/** Writes index.js and index.d.ts into every folder that holds generated files, and returns the folders. */
function writeIndexes(folder: string): string[] {
  const byFolder = Map.groupBy(
    filesIn(folder).filter((path) => path.endsWith("_pb.js")),
    (path) => dirname(path),
  );
  for (const [packageFolder, paths] of byFolder) {
    const lines = paths.sort().map((path) => `export * from "./${relative(packageFolder, path)}";\n`);
    writeFileSync(join(folder, packageFolder, "index.js"), [...lines, ...remembering(packageFolder, paths)].join(""));
    writeFileSync(join(folder, packageFolder, "index.d.ts"), lines.join(""));
  }
  return [...byFolder.keys()].sort();
}

/** What tells, when the package is loaded, that its files are the ones of `descriptor-sets/`: a bundler may leave it out. */
function remembering(packageFolder: string, paths: readonly string[]): string[] {
  const up = "../".repeat(packageFolder.split("/").length);
  const names = paths.map((path) => `file_${path.replace(/_pb\.js$/, "").replaceAll("/", "_")}`);
  const imports = paths.map((path, index) => `import { ${names[index]} } from "./${relative(packageFolder, path)}";\n`);
  return [
    `import { remember } from "${up}descriptor-sets/generated-files.js";\n`,
    ...imports,
    `remember("${packageFolder.replaceAll("/", ".")}", [${names.join(", ")}]);\n`,
  ];
}

/** The committed package.json with its exports brought up to date: one for each package, and those written by hand. */
function packageJson(packages: readonly string[]): string {
  const current = JSON.parse(readFileSync(join(ROOT, "gen/package.json"), "utf8")) as Record<string, unknown>;
  const names = ["descriptor-sets", "grpc-js", ...packages];
  const exports = Object.fromEntries(
    names.map((name) => [`./${name}`, { types: `./${name}/index.d.ts`, default: `./${name}/index.js` }]),
  );
  return `${JSON.stringify({ ...current, exports: { ...exports, "./package.json": "./package.json" } }, null, 2)}\n`;
}

/** Makes the target hold exactly the files of the source, and leaves equal files untouched. */
function replaceFiles(source: string, target: string): void {
  mkdirSync(target, { recursive: true });
  for (const line of differences(source, target)) {
    const [kind, path] = line.split(/\s+/) as [string, string];
    if (kind === "stale") {
      rmSync(join(target, path));
    } else {
      mkdirSync(dirname(join(target, path)), { recursive: true });
      writeFileSync(join(target, path), readFileSync(join(source, path)));
    }
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !join(relative(folder, entry.parentPath), "/").startsWith("node_modules/"))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

if (import.meta.main) {
  if (process.argv.includes("--check")) {
    const expected = mkdtempSync(join(tmpdir(), "heddle-gen-check-"));
    try {
      generateInto(expected);
      const lines = differences(expected, join(ROOT, "gen"));
      if (lines.length > 0) {
        console.error(`gen/ is not what the protos generate:\n  ${lines.join("\n  ")}\nNext: make gen`);
        process.exitCode = 1;
      }
    } finally {
      rmSync(expected, { recursive: true, force: true });
    }
  } else {
    generateInto(join(ROOT, "gen"));
  }
}
