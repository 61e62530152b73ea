import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Plugin } from "rolldown";
import { Failure } from "../failure.ts";
import { ENTRY_FILE } from "./package-manifest.ts";

/** Files of a package by their paths, which have forward slashes. */
export type PackageFiles = ReadonlyMap<string, Uint8Array>;

/** The folder of a package in which modules find the files beside them, each where it is in the repository. */
const BESIDE = "files";

/** Packages that stay packages: SQLite's binding is native, the API page is files that are sent as they are. */
const KEPT_PACKAGES: readonly string[] = ["better-sqlite3", "swagger-ui-dist"];

/**
 * Bundles a service with all that it imports into scripts for Node, and gathers the files that these read at run time. The same sources
 * give the same bytes, wherever the repository is.
 *
 * @throws Failure when a module reads files in a way that cannot be followed.
 */
export const bundleService = async (root: string, main: string): Promise<Map<string, Uint8Array>> => {
  // Loaded here alone: it is native, and only packing has a use for it.
  const { rolldown } = await import("rolldown");
  const files = new Map<string, Uint8Array>();
  const bundle = await rolldown({
    cwd: root,
    input: { main: join(root, main) },
    platform: "node",
    resolve: { conditionNames: ["source", "node", "import", "default"] },
    external: KEPT_PACKAGES.map((name) => new RegExp(`^${name}(/|$)`)),
    plugins: [besideModules(root, files)],
    onLog(level, log) {
      if (level === "warn" && log.code === "UNRESOLVED_IMPORT") throw new Failure(`Not bundled: ${log.message}`);
    },
  });
  try {
    const { output } = await bundle.generate({
      format: "esm",
      entryFileNames: ENTRY_FILE,
      chunkFileNames: "[name]-[hash].js",
    });
    for (const each of output) {
      const source = each.type === "chunk" ? each.code : each.source;
      files.set(each.fileName, Buffer.from(source));
      const isBelow = each.fileName.includes("/");
      if (isBelow && each.type === "chunk" && each.code.includes("import.meta"))
        throw new Failure(`${each.fileName} looks for files beside itself, where a package has none.`);
    }
  } finally {
    await bundle.close();
  }
  const imported = [...files].filter(([name]) => name.endsWith(".js")).map(([, bytes]) => Buffer.from(bytes));
  for (const name of KEPT_PACKAGES) {
    if (imported.some((code) => code.includes(`"${name}`))) addPackage(root, name, files);
  }
  return files;
};

/**
 * Modules that look for files beside themselves (`import.meta.url`) find them below `files/`, as if they stood there. What they look
 * for is told by the text: `new URL("./migrations/", import.meta.url)`, a name with a variable end, the folder itself.
 */
const besideModules = (root: string, files: Map<string, Uint8Array>): Plugin => ({
  name: "beside-modules",
  transform(code, id) {
    if (!id.startsWith(root) || id.includes("node_modules") || !code.includes("import.meta.")) return undefined;
    const folder = dirname(id);
    const where = `${BESIDE}/${slashed(relative(root, id))}`.replace(/\.ts$/, ".js");
    for (const [, text = ""] of code.matchAll(/new URL\(\s*["'`](\.\/[^"'`]*)["'`],\s*import\.meta\.url\s*\)/g)) {
      const worker = /^\.\/([\w-]+)\$\{extension\}$/.exec(text)?.[1];
      if (worker !== undefined) {
        const fileName = `${dirname(where)}/${worker}.js`;
        this.emitFile({ type: "chunk", id: join(folder, `${worker}.ts`), fileName });
      } else {
        addFiles(root, join(folder, known(text)), files);
      }
    }
    if (code.includes("import.meta.dirname")) addFiles(root, folder, files);
    const here = `new URL(${JSON.stringify(`./${where}`)}, import.meta.url)`;
    const beside = code
      .replaceAll("import.meta.url", `${here}.href`)
      .replaceAll("import.meta.dirname", `decodeURIComponent(new URL(".", ${here}).pathname)`);
    return { code: beside };
  },
});

/** A path up to the folder in which only a run knows what it looks for: of `./files/${name}.binpb` that is `./files/`. */
const known = (text: string): string => {
  const [start = ""] = text.split("${");
  return start === text ? text : start.slice(0, start.lastIndexOf("/") + 1);
};

const addFiles = (root: string, path: string, files: Map<string, Uint8Array>): void => {
  if (!statSync(path).isDirectory()) {
    files.set(`${BESIDE}/${slashed(relative(root, path))}`, readFileSync(path));
    return;
  }
  for (const name of readdirSync(path)) {
    if (!name.endsWith(".ts")) addFiles(root, join(path, name), files);
  }
};

/** Copies an installed package: what this platform needs of it, and no source maps. */
const addPackage = (root: string, name: string, files: Map<string, Uint8Array>): void => {
  const folder = join(root, "node_modules", name);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = slashed(relative(folder, join(entry.parentPath, entry.name)));
    const isOther = path.startsWith("prebuilds/") && !path.startsWith(`prebuilds/${process.platform}`);
    const isForeign = path.startsWith("prebuilds/") && !path.endsWith(`-${process.arch}.node`);
    if (isOther || isForeign || /^(src|deps)\/|\.(map|gyp)$/.test(path)) continue;
    files.set(`node_modules/${name}/${path}`, readFileSync(join(folder, path)));
  }
};

const slashed = (path: string): string => path.replaceAll("\\", "/");
