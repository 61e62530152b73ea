import { execFileSync, type SpawnSyncReturns, spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

/** The repository's folder. */
export const ROOT = resolve(import.meta.dirname, "..");

/** The environment in which tools that npm installed are found by name. */
const TOOL_ENVIRONMENT = {
  ...process.env,
  PATH: `${join(ROOT, "node_modules/.bin")}:${process.env.PATH ?? ""}`,
};

/** Runs an installed tool such as `buf` in the repository, its output shown. Throws when it exits with anything but 0. */
export function runTool(name: string, args: readonly string[]): void {
  execFileSync(name, args, { cwd: ROOT, env: TOOL_ENVIRONMENT, stdio: ["ignore", "inherit", "inherit"] });
}

/** Runs an installed tool in a folder and returns its exit status and output, whatever they are. */
export function runToolQuietly(name: string, args: readonly string[], cwd: string): SpawnSyncReturns<string> {
  return spawnSync(name, args, { cwd, env: TOOL_ENVIRONMENT, encoding: "utf8", maxBuffer: 64 << 20 });
}
