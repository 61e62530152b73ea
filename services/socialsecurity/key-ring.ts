import { ConfigError } from "@heddle/mesh/service";
import { EnvError, makeValidator } from "envalid";
import { MAKE_ONE, parseSecretKey, type SecretKey } from "./secret-key.ts";

export const WRAPPING_KEY = "HEDDLE_SSN_WRAPPING_KEY";
export const PREVIOUS_WRAPPING_KEY = "HEDDLE_SSN_WRAPPING_KEY_PREVIOUS";
export const INDEX_KEY = "HEDDLE_SSN_INDEX_KEY";

/** The keys that a running service works with. */
export interface KeyRing {
  /** Wraps the data keys of records. */
  readonly wrapping: SecretKey;
  /** Wrapped them before `wrapping` did; still opens them until they are wrapped anew. */
  readonly previous: SecretKey | undefined;
  /** Makes the blind index, by which numbers are compared. */
  readonly index: SecretKey;
}

const base64Key = makeValidator<SecretKey>((text) => {
  try {
    return parseSecretKey(text);
  } catch (error) {
    throw new EnvError((error as Error).message);
  }
});

/** The keys in the environment. Without any of them the service makes development keys, see `developmentKeys`. */
export const KEY_VARIABLES = {
  [WRAPPING_KEY]: base64Key({ default: undefined, desc: "wraps the keys of numbers: 32 bytes in base64" }),
  [PREVIOUS_WRAPPING_KEY]: base64Key({
    default: undefined,
    desc: "the wrapping key before, while numbers are moved to the new one: 32 bytes in base64",
  }),
  [INDEX_KEY]: base64Key({ default: undefined, desc: "finds and compares numbers: 32 bytes in base64" }),
};

/** The values of KEY_VARIABLES. */
export type KeyVariables = { readonly [K in keyof typeof KEY_VARIABLES]: SecretKey | undefined };

/**
 * The key ring that the environment holds; undefined when it holds no key at all. Throws a ConfigError that lists what is
 * missing, and keys that are the same: one that leaks must not open what another protects.
 */
export const keyRingOf = (config: KeyVariables): KeyRing | undefined => {
  const { [WRAPPING_KEY]: wrapping, [PREVIOUS_WRAPPING_KEY]: previous, [INDEX_KEY]: index } = config;
  if (wrapping === undefined && previous === undefined && index === undefined) return undefined;
  const problems = sameKeys(config);
  if (wrapping === undefined) problems.push(`${WRAPPING_KEY}: is required beside the other keys; ${MAKE_ONE}`);
  if (index === undefined) problems.push(`${INDEX_KEY}: is required beside the other keys; ${MAKE_ONE}`);
  if (wrapping === undefined || index === undefined || problems.length > 0) throw new ConfigError(problems);
  return { wrapping, previous, index };
};

const sameKeys = (config: KeyVariables): string[] => {
  const problems: string[] = [];
  const seen = new Map<string, string>();
  for (const name of [WRAPPING_KEY, PREVIOUS_WRAPPING_KEY, INDEX_KEY] as const) {
    const id = config[name]?.id;
    if (id === undefined) continue;
    const first = seen.get(id);
    if (first !== undefined) problems.push(`${name}: is the same key as ${first}; each needs its own: ${MAKE_ONE}`);
    seen.set(id, name);
  }
  return problems;
};
