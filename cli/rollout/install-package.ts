import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { DataFolder } from "../data-folder.ts";
import { Failure } from "../failure.ts";
import { isAlive } from "../process-info.ts";
import { type Deployment, releaseBefore } from "./deployment-file.ts";
import type { ReadPackage } from "./package-manifest.ts";

/** Releases that are kept for an undo, beside the one in force. */
const RELEASES_KEPT = 5;

/**
 * Writes the files of a package to the folder of its release; one that is there stays as it is. Other processes see the whole folder or
 * none. Returns the folder.
 *
 * @throws Failure when they cannot be written, on a full disk say; nothing of them is left.
 */
export const installPackage = (folder: DataFolder, { manifest, release, files }: ReadPackage): string => {
  const target = folder.packageFolder(manifest.service, release);
  if (existsSync(target)) return target;
  const draft = `${target}.draft-${process.pid}`;
  try {
    rmSync(draft, { recursive: true, force: true });
    for (const { path, bytes } of files) writeDurably(join(draft, path), bytes);
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another command has installed the same release meanwhile.
    if (existsSync(target)) return target;
    throw new Failure(`${manifest.service} ${release} cannot be installed: ${(error as Error).message}.`, {
      next: `Nothing was changed; see to the room and the rights of ${folder.path}.`,
      cause: error,
    });
  }
  return target;
};

/** Removes the releases of a service that no undo goes back to, and what of others was left half written. Returns their names. */
export const removeOldReleases = (folder: DataFolder, deployment: Deployment): string[] => {
  const { service, release, rollouts } = deployment;
  const latest = rollouts.toReversed().flatMap((rollout) => [rollout.release, rollout.from]);
  const known = [...new Set(latest)].filter((each) => each !== null);
  // However many were tried since, and taken back.
  const back = releaseBefore(deployment) ?? null;
  const kept = new Set([release, back, ...known.slice(0, RELEASES_KEPT)]);
  const all = dirname(folder.packageFolder(service, "any"));
  const old = existsSync(all) ? readdirSync(all).filter((name) => !kept.has(name) && !isBeingWritten(name)) : [];
  for (const name of old) rmSync(join(all, name), { recursive: true, force: true });
  return old;
};

/** A draft whose command was killed is of no use to anybody. */
const isBeingWritten = (name: string): boolean => {
  const pid = /\.draft-(\d+)$/.exec(name)?.[1];
  return pid !== undefined && isAlive({ pid: Number(pid) });
};

const writeDurably = (path: string, bytes: Uint8Array): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = openSync(path, "wx", 0o600);
  try {
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
};
