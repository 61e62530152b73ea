import type { Logger } from "@heddle/mesh/observe";
import type { Clock, Random } from "@heddle/mesh/runtime";
import type { Store, Tx } from "@heddle/mesh/store";
import { makeDevelopmentKeys, readDevelopmentKeys } from "./development-keys.ts";
import {
  INDEX_KEY,
  type KeyRing,
  type KeyVariables,
  keyRingOf,
  PREVIOUS_WRAPPING_KEY,
  WRAPPING_KEY,
} from "./key-ring.ts";
import { KeyStartError } from "./key-start-error.ts";
import type { KeyStore, KnownKey } from "./store.ts";

export interface OpenKeysDeps {
  readonly config: KeyVariables;
  /** Where development keys are, or would be. */
  readonly developmentFile: string;
  readonly keys: KeyStore;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * The keys to work with: those of the environment, or, where it holds none, development keys, which are made on first use and
 * warned about at every start. From here on the database takes numbers under these keys only. Throws KeyStartError when the
 * keys do not fit what is stored, ConfigError as `keyRingOf` does.
 */
export const openKeys = async (deps: OpenKeysDeps): Promise<KeyRing> => {
  const { keys, store, clock, log } = deps;
  const ring = keyRingOf(deps.config) ?? (await developmentKeys(deps));
  await store.write(async (tx) => {
    for (const known of await keys.list(tx)) await refuseOrForget(tx, known, ring, deps);
    const nowMs = clock.nowMs();
    await keys.add(tx, { id: ring.wrapping.id, purpose: "wrapping", nowMs });
    await keys.add(tx, { id: ring.index.id, purpose: "index", nowMs });
  });
  const ids = { wrappingKeyId: ring.wrapping.id, previousKeyId: ring.previous?.id, indexKeyId: ring.index.id };
  log.info(ids, "the keys fit the stored numbers");
  return ring;
};

const developmentKeys = async ({ developmentFile: file, keys, store, random, log }: OpenKeysDeps): Promise<KeyRing> => {
  const kept = readDevelopmentKeys(file);
  if (kept === undefined) {
    const inUse = (await store.read((reader) => keys.list(reader))).find((known) => known.in_use === 1);
    if (inUse !== undefined) {
      const variable = inUse.purpose === "wrapping" ? WRAPPING_KEY : INDEX_KEY;
      throw new KeyStartError(
        `${variable} is not set, and numbers are stored under the key ${inUse.id}.`,
        `set ${WRAPPING_KEY} and ${INDEX_KEY} to the keys that the numbers were stored under, or put ${file} back.`,
      );
    }
  }
  const ring = kept ?? makeDevelopmentKeys(file, random);
  log.warn(
    { file, variables: [WRAPPING_KEY, INDEX_KEY] },
    "DEVELOPMENT KEYS: social security numbers are encrypted under keys that lie beside the database. Never store a real number like this: set the variables, each to a key of its own from `openssl rand -base64 32`",
  );
  return ring;
};

/** Throws when numbers are stored under a key that is not at hand; a key that nothing needs is forgotten. */
const refuseOrForget = async (tx: Tx, known: KnownKey, ring: KeyRing, deps: OpenKeysDeps): Promise<void> => {
  const given = known.purpose === "wrapping" ? [ring.wrapping.id, ring.previous?.id] : [ring.index.id];
  if (given.includes(known.id)) return;
  if (known.in_use === 1) throw wrongKey(known, ring, deps);
  await deps.keys.remove(tx, known.id);
};

const wrongKey = ({ id, purpose }: KnownKey, ring: KeyRing, { developmentFile: file }: OpenKeysDeps): KeyStartError => {
  const development = readDevelopmentKeys(file);
  if (purpose === "index") {
    const source = development?.index.id === id ? `, which is the indexKey in ${file}` : "";
    return new KeyStartError(
      `${INDEX_KEY} is the wrong key: it has the id ${ring.index.id}, and numbers are stored under the key ${id}${source}.`,
      `set ${INDEX_KEY} to the key with the id ${id}; unlike the wrapping key it cannot be changed while numbers are stored.`,
    );
  }
  const source = development?.wrapping.id === id ? `, which is the wrappingKey in ${file}` : "";
  const given =
    ring.previous === undefined
      ? `${WRAPPING_KEY} is the wrong key: it has the id ${ring.wrapping.id}`
      : `${WRAPPING_KEY} and ${PREVIOUS_WRAPPING_KEY} are the wrong keys: they have the ids ${ring.wrapping.id} and ${ring.previous.id}`;
  return new KeyStartError(
    `${given}, and numbers are stored under the key ${id}${source}.`,
    `set ${WRAPPING_KEY} to the key with the id ${id}; or, to move the numbers to a new key, set ${PREVIOUS_WRAPPING_KEY} to it.`,
  );
};
