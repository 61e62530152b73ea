import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
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
 * tools/third-party-protos.ts does. Throws a Failure with what buf says when they do not compile.
 */
export const buildWorkingTree = async (folder: string, from = process.cwd()): Promise<WorkingTree> => {
  const path = resolve(from, folder);
  if (!existsSync(path)) throw usageFailure(`There is no folder ${path}.`, "Name the folder of the protos with --dir.");
  const root = nearest(path, "buf.yaml") ?? path;
  const thirdParty = join(root, "tools/third-party-protos.ts");
  if (existsSync(thirdParty)) {
    await tool(process.execPath, ["--disable-warning=ExperimentalWarning", thirdParty], root);
  }
  const home = nearest(path, "node_modules/.bin/buf");
  const buf = home === undefined ? "buf" : join(home, "node_modules/.bin/buf");
  const args = ["build", relative(root, path) || ".", "--as-file-descriptor-set", "--output", "-"];
  const whole = await tool(buf, args, root);
  // Lines are worth less than an answer.
  const bytes = whole.length <= SET_BYTES_MAX ? whole : await tool(buf, [...args, "--exclude-source-info"], root);
  const near = relative(from, path);
  return { bytes, folder: near.startsWith("..") ? path : near || "." };
};

/** The nearest folder, upwards, that has an entry. */
const nearest = (folder: string, entry: string): string | undefined => {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, entry))) return at;
    if (at === dirname(at)) return undefined;
  }
};

const tool = async (file: string, args: readonly string[], cwd: string): Promise<Uint8Array> => {
  try {
    const { stdout } = await run(file, args, { cwd, encoding: "buffer", maxBuffer: OUTPUT_BYTES_MAX });
    return stdout;
  } catch (error) {
    const { stderr, message, code } = error as NodeJS.ErrnoException & { stderr?: Buffer };
    const said = stderr?.toString().trim() || message;
    if (code === "ENOENT")
      throw new Failure("buf is not installed.", { next: "npm ci, or see buf.build/docs/installation" });
    throw new Failure(`The protos of ${cwd} do not compile:\n${said}`, { next: "Mend them; buf lint may say more." });
  }
};
