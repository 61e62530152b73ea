import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { Failure, usageFailure } from "./failure.ts";

const run = promisify(execFile);

/** Bytes that buf may print: a set of descriptors is far smaller. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Bytes of a set that the mesh takes to check. */
const SET_BYTES_MAX = 4_000_000;

/** The protos of a working tree. */
export interface WorkingTree {
  /** A serialized google.protobuf.FileDescriptorSet with all imports. */
  readonly bytes: Uint8Array;
  /** The folder of the protos as a person names it from where they are, such as `proto`. */
  readonly folder: string;
}

/**
 * Compiles the protos of a folder with the buf of the repository that holds it, protos of others filled in as its
 * tools/third-party-protos.ts does. A folder that no buf.yaml names as a module, such as a copy of the protos, is compiled like one
 * of the repository where the command runs. Throws a Failure with what buf says when they do not compile.
 */
export const buildWorkingTree = async (folder: string, from = process.cwd()): Promise<WorkingTree> => {
  const path = resolve(from, folder);
  if (!existsSync(path)) throw usageFailure(`There is no folder ${path}.`, "Name the folder of the protos with --dir.");
  const shown = shownFrom(from, path);
  const root = nearest(path, "buf.yaml") ?? nearest(from, "buf.yaml");
  const home = nearest(path, "node_modules/.bin/buf") ?? nearest(from, "node_modules/.bin/buf");
  const buf = home === undefined ? "buf" : join(home, "node_modules/.bin/buf");
  if (root === undefined) return { bytes: await compile(buf, path, ["."], shown), folder: shown };
  const thirdParty = join(root, "tools/third-party-protos.ts");
  if (existsSync(thirdParty)) {
    await tool(process.execPath, ["--disable-warning=ExperimentalWarning", thirdParty], root, shown);
  }
  if (path === root) return { bytes: await compile(buf, root, ["."], shown), folder: shown };
  const module = await moduleOf(buf, root, path);
  if (module === undefined) return { bytes: await compileAlone(buf, path, root, shown), folder: shown };
  const part = path === module ? [] : ["--path", relative(root, path)];
  const bytes = await compile(buf, root, [relative(root, module) || ".", ...part], shown);
  return { bytes, folder: shownFrom(from, module) };
};

/** Compiles a folder in a workspace of its own, beside the protos of others that a repository has filled in. */
const compileAlone = async (buf: string, path: string, root: string, shown: string): Promise<Uint8Array> => {
  const workspace = mkdtempSync(join(tmpdir(), "heddle-tree-"));
  try {
    const filled = join(root, THIRD_PARTY);
    const modules = [[TREE, path], ...(existsSync(filled) ? [["others", filled]] : [])] as [string, string][];
    for (const [name, target] of modules) symlinkSync(target, join(workspace, name));
    const config = { version: "v2", modules: modules.map(([name]) => ({ path: name })) };
    // JSON is YAML as well.
    writeFileSync(join(workspace, "buf.yaml"), JSON.stringify(config));
    return await compile(buf, workspace, [TREE], shown);
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
};

/** The folder's name in a workspace that is made for it. */
const TREE = "tree";
/** Where a repository's tools/third-party-protos.ts puts the protos of others. */
const THIRD_PARTY = ".heddle/third-party";

const shownFrom = (from: string, path: string): string => {
  const near = relative(from, path);
  return near.startsWith("..") ? path : near || ".";
};

/** The module of a workspace that holds a folder; undefined when none does. */
const moduleOf = async (buf: string, root: string, path: string): Promise<string | undefined> => {
  const listed = Buffer.from(await tool(buf, ["config", "ls-modules"], root, root)).toString();
  const modules = listed
    .trim()
    .split("\n")
    .map((module) => resolve(root, module));
  return modules.find((module) => path === module || path.startsWith(`${module}/`));
};

const compile = async (buf: string, cwd: string, input: readonly string[], shown: string): Promise<Uint8Array> => {
  const args = ["build", ...input, "--as-file-descriptor-set", "--output", "-"];
  const whole = await tool(buf, args, cwd, shown);
  // Lines are worth less than an answer.
  return whole.length <= SET_BYTES_MAX ? whole : tool(buf, [...args, "--exclude-source-info"], cwd, shown);
};

/** The nearest folder, upwards, that has an entry. */
const nearest = (folder: string, entry: string): string | undefined => {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, entry))) return at;
    if (at === dirname(at)) return undefined;
  }
};

/** Runs a tool in a folder; `shown` is what it works on, as a person names it. */
const tool = async (file: string, args: readonly string[], cwd: string, shown: string): Promise<Uint8Array> => {
  try {
    const { stdout } = await run(file, args, { cwd, encoding: "buffer", maxBuffer: OUTPUT_BYTES_MAX });
    return stdout;
  } catch (error) {
    const { stderr, message, code } = error as NodeJS.ErrnoException & { stderr?: Buffer };
    if (code === "ENOENT")
      throw new Failure("buf is not installed.", { next: "npm ci, or see buf.build/docs/installation" });
    const lines = (stderr?.toString().trim() || message)
      .split("\n")
      .map((line) => line.replace(TREE_PREFIX, `${shown}/`));
    const said = lines.slice(0, LINES_MAX).join("\n");
    const more = lines.length > LINES_MAX ? `\nand ${lines.length - LINES_MAX} more lines` : "";
    throw new Failure(`The protos of ${shown} do not compile:\n${said}${more}`, {
      next: "Mend them; buf lint may say more.",
    });
  }
};

const TREE_PREFIX = new RegExp(`^${TREE}/`);
/** Lines of a tool that are shown: one import that is missing may make a thousand. */
const LINES_MAX = 20;
