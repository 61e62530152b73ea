import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Random } from "@heddle/mesh/runtime";
import { type KeyRing, keyRingOf } from "./key-ring.ts";
import { KeyStartError } from "./key-start-error.ts";
import { KEY_BYTES, parseSecretKey } from "./secret-key.ts";

/** The keys in a file that `makeDevelopmentKeys` made; undefined when there is none. Throws KeyStartError. */
export const readDevelopmentKeys = (file: string): KeyRing | undefined => {
  const text = textOf(file);
  if (text === undefined) return undefined;
  try {
    const { wrappingKey, indexKey } = JSON.parse(text);
    return keyRingOf({
      HEDDLE_SSN_WRAPPING_KEY: parseSecretKey(wrappingKey),
      HEDDLE_SSN_WRAPPING_KEY_PREVIOUS: undefined,
      HEDDLE_SSN_INDEX_KEY: parseSecretKey(indexKey),
    });
  } catch {
    // What was thrown may quote the file.
    throw new KeyStartError(
      `${file} does not hold the development keys any more.`,
      "put back the file as it was made.",
    );
  }
};

/**
 * Makes keys and a file for them that only its owner can read, on the disk before this returns. Where another process makes
 * the same file at the same time, both get the keys of the one that came first.
 */
export const makeDevelopmentKeys = (file: string, random: Random): KeyRing => {
  const fresh = `${file}.${Buffer.from(random.bytes(8)).toString("hex")}`;
  const keys = {
    warning: "For development only: whoever reads this file and the database beside it can read every number.",
    wrappingKey: Buffer.from(random.bytes(KEY_BYTES)).toString("base64"),
    indexKey: Buffer.from(random.bytes(KEY_BYTES)).toString("base64"),
  };
  try {
    writeDurably(fresh, `${JSON.stringify(keys, null, 2)}\n`);
    // Unlike a rename, a link never replaces a file that is there.
    linkSync(fresh, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(fresh, { force: true });
  }
  syncFolder(dirname(file));
  const made = readDevelopmentKeys(file);
  if (made === undefined) throw new Error(`${file} was removed while it was made`);
  return made;
};

/** The group's and the others' rights. */
const NOT_OWNERS_MODE = 0o077;

const textOf = (file: string): string | undefined => {
  try {
    const text = readFileSync(file, "utf8");
    if ((statSync(file).mode & NOT_OWNERS_MODE) === 0) return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  throw new KeyStartError(`${file} can be read by others than its owner.`, `run \`chmod 600 ${file}\`.`);
};

const writeDurably = (file: string, text: string): void => {
  const descriptor = openSync(file, "wx", 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

const syncFolder = (folder: string): void => {
  const descriptor = openSync(folder, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
};
