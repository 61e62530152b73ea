import type { KeyObject } from "node:crypto";
import type { Logger } from "@heddle/mesh/observe";
import type { Clock, Random } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import {
  currentKey,
  newKeyPair,
  nextSignFromMs,
  privateKeyObject,
  publishedKeys,
  retiredKeys,
  type ScheduledKey,
} from "./signing-key.ts";
import type { KeyStore } from "./store.ts";

export interface SigningKeysDeps {
  readonly keys: KeyStore;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A key that signs access tokens. */
export interface Signer {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** The keys that sign access tokens, rotated by the clock. Several processes on one store share them. */
export interface SigningKeys {
  /** The key to sign with now; makes the next one when that is due. */
  signer(): Promise<Signer>;
  /** Those whose public half is published now, the current one first. */
  published(): Promise<ScheduledKey[]>;
  /** Makes the next key when that is due, and removes those that nobody needs any more. */
  rotate(): Promise<void>;
}

export const createSigningKeys = ({ keys, store, clock, random, log }: SigningKeysDeps): SigningKeys => {
  let last: Signer | undefined;
  const list = (): Promise<ScheduledKey[]> => store.read((reader) => keys.list(reader));
  const rotate = async (): Promise<void> => {
    // Made before the transaction, which may await nothing else; another process may have been faster by then.
    const pair = await newKeyPair(random);
    const made = await store.write(async (tx) => {
      const nowMs = clock.nowMs();
      const known = await keys.list(tx);
      for (const { kid } of retiredKeys(known, nowMs)) await keys.remove(tx, kid);
      const signFromMs = nextSignFromMs(known, nowMs);
      if (signFromMs === undefined) return undefined;
      await keys.insert(tx, { ...pair, signFromMs });
      return { kid: pair.kid, signsInMs: signFromMs - nowMs };
    });
    if (made !== undefined) log.info(made, "a signing key was made");
  };
  const rotateWhenDue = async (): Promise<ScheduledKey[]> => {
    const known = await list();
    const nowMs = clock.nowMs();
    if (nextSignFromMs(known, nowMs) === undefined && retiredKeys(known, nowMs).length === 0) return known;
    await rotate();
    return list();
  };
  return {
    async signer() {
      const current = currentKey(await rotateWhenDue(), clock.nowMs());
      if (current === undefined) throw new Error("there is no signing key, although one was made");
      if (last?.kid !== current.kid) last = { kid: current.kid, privateKey: privateKeyObject(current) };
      return last;
    },
    published: async () => publishedKeys(await list(), clock.nowMs()),
    rotate: async () => {
      await rotateWhenDue();
    },
  };
};
