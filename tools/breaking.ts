import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT, runToolQuietly } from "./run-tool.ts";
import { fillThirdPartyProtos, THIRD_PARTY_FOLDER } from "./third-party-protos.ts";

/** The image of the contracts as they were last released, relative to the repository. Committed. */
export const BASELINE = "proto/baseline.binpb";

/** One place where the protos would break those who use the released contracts. */
export interface Violation {
  /** Path from the repository's folder. Absent when the file itself is gone. */
  readonly path: string | undefined;
  /** Line in the file, from 1. Absent when the file itself is gone. */
  readonly line: number | undefined;
  /** Rule of `buf breaking`, such as `FIELD_NO_DELETE`. */
  readonly rule: string;
  readonly message: string;
}

/**
 * Compares the protos of a repository with its baseline, by buf's FILE rules, protos of others left out. Needs no network
 * and no git history. Throws when there is no baseline, or when the protos do not compile.
 */
export function findViolations(root: string): Violation[] {
  if (!existsSync(join(root, BASELINE))) throw new Error(`${BASELINE} is missing. Next: make release-contracts`);
  fillThirdPartyProtos(join(root, THIRD_PARTY_FOLDER));
  const args = ["breaking", "proto", "--against", BASELINE, "--exclude-imports", "--error-format=json"];
  const { status, stdout, stderr, error } = runToolQuietly("buf", args, root);
  if (status === 0) return [];
  if (status !== 100) throw new Error(`buf ${args.join(" ")} failed: ${error?.message ?? stderr + stdout}`);
  const violations = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Violation => {
      const { path, start_line, type, message } = JSON.parse(line);
      return { path, line: start_line, rule: type, message };
    });
  // buf exits with 100 for protos that do not compile too, and says so by this rule only.
  const broken = violations.filter(({ rule }) => rule === "COMPILE");
  if (broken.length > 0) {
    throw new Error(broken.map(({ path, line, message }) => `${path}:${line}: ${message}`).join("\n"));
  }
  return violations;
}

/** Says in words what would break, one line for each violation, and what to do next. */
export function explain(root: string, violations: readonly Violation[]): string {
  const lines = violations.map(({ path, line, rule, message }) => {
    const place = path === undefined ? BASELINE : `${path}:${line ?? 1}`;
    return `${place}: ${rule}: ${message}`;
  });
  const count = violations.length === 1 ? "1 change breaks" : `${violations.length} changes break`;
  lines.push("", `${count} those who use the released contracts (${BASELINE}).`);
  lines.push(
    "Next: undo it and deprecate instead, or release a new version of the package and serve it beside the old:",
  );
  for (const folder of packageFolders(root, violations)) lines.push(`  cp -R ${folder} ${nextVersion(root, folder)}`);
  lines.push("or, only if what changed was never released:", "  make release-contracts");
  return lines.join("\n");
}

/** The package folders that violations are in, those left out that are gone and cannot be copied. */
function packageFolders(root: string, violations: readonly Violation[]): string[] {
  const folders = violations.map(({ path, message }) => {
    // A file that is gone has no path of its own; buf names it in the message, as it is imported.
    const named = path ?? `proto/${/"([^"]+\.proto)"/.exec(message)?.[1] ?? ""}`;
    return /^(.*\/v[0-9]+)\/[^/]+\.proto$/.exec(named)?.[1];
  });
  return [
    ...new Set(folders.filter((folder) => folder !== undefined && existsSync(join(root, folder)))),
  ].sort() as string[];
}

function nextVersion(root: string, folder: string): string {
  const base = folder.replace(/[0-9]+$/, "");
  let version = Number(folder.slice(base.length)) + 1;
  while (existsSync(join(root, `${base}${version}`))) version += 1;
  return `${base}${version}`;
}

if (import.meta.main) {
  try {
    const violations = findViolations(ROOT);
    if (violations.length > 0) {
      console.error(explain(ROOT, violations));
      process.exitCode = 100;
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
