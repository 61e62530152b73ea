import { createHash } from "node:crypto";
import { closeSync, createReadStream, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { StoreContents } from "@heddle/mesh/store";
import { Failure } from "./failure.ts";

/** What `heddle backup` writes beside each copy, and `heddle restore` holds it against. */
export interface BackupManifest extends StoreContents {
  readonly version: 1;
  /** When it was made: RFC 3339. */
  readonly time: string;
  readonly bytes: number;
  /** Of the copy, in hex. */
  readonly sha256: string;
}

/** SHA-256 of a file, in hex. */
export const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
};

/** Writes a manifest to a file that must not exist; it is on the disk when this returns. */
export const writeManifest = (file: string, manifest: BackupManifest): void => {
  const descriptor = openSync(file, "wx", 0o600);
  try {
    writeSync(descriptor, `${JSON.stringify(manifest, undefined, 2)}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/** Throws Failure when there is none, or it cannot be understood. */
export const readManifest = (file: string): BackupManifest => {
  let manifest: BackupManifest;
  try {
    manifest = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Failure(`${file} cannot be read: ${(cause as Error).message}`, { next: WHOLE, cause });
  }
  if (!isManifest(manifest)) throw new Failure(`${file} is not a manifest of heddle backup.`, { next: WHOLE });
  return manifest;
};

const WHOLE = "Name a folder that heddle backup has written, with all of its files.";

const isManifest = (value: unknown): value is BackupManifest => {
  const manifest = value as BackupManifest | null;
  return (
    typeof manifest === "object" &&
    manifest !== null &&
    manifest.version === 1 &&
    typeof manifest.service === "string" &&
    typeof manifest.sha256 === "string" &&
    typeof manifest.lastEventSequence === "number" &&
    typeof manifest.rows === "object" &&
    manifest.rows !== null &&
    Array.isArray(manifest.migrations)
  );
};
