import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "@heddle/mesh/runtime";
import { type DataFolder, unusableFolder } from "./data-folder.ts";

/** Bytes of the secret by which the services of a mesh prove their names. */
const KEY_BYTES = 32;

/** The file with the mesh's identity key: the one that HEDDLE_IDENTITY_KEY_FILE names, else one in the data folder, made once. */
export const identityKeyFile = (folder: DataFolder, env: NodeJS.ProcessEnv, random: Random): string => {
  if (env.HEDDLE_IDENTITY_KEY_FILE) return env.HEDDLE_IDENTITY_KEY_FILE;
  const file = join(folder.path, "identity.key");
  try {
    mkdirSync(folder.path, { recursive: true });
    writeFileSync(file, `${Buffer.from(random.bytes(KEY_BYTES)).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw unusableFolder(folder, error);
  }
  return file;
};
