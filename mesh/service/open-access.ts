import { readFileSync } from "node:fs";
import { createClient, type Transport } from "@connectrpc/connect";
import { AuthService } from "@heddle/contracts/auth/v1";
import { type AccessGuard, createAccessGuard, createAuthenticator, KeySet } from "../identity/index.ts";
import type { Logger } from "../observe/index.ts";
import { backgroundCall, runInCall } from "../rpc/index.ts";
import type { Runtime } from "../runtime/index.ts";
import { ConfigError, type MeshConfig } from "./config.ts";

/** Characters of an identity key: 256 bits, as 43 of base64 or 64 of hex. */
const KEY_CHARS_MIN = 43;
/** Milliseconds that auth gets to answer with its keys, as its contract says. */
const KEYS_TIMEOUT_MS = 2_000;

/** What a service needs to know who calls it. */
export interface Access {
  readonly guard: AccessGuard;
  /** Asks nothing before somebody asks it. */
  readonly keys: KeySet;
}

/** @throws ConfigError */
export const openAccess = (deps: {
  readonly config: MeshConfig;
  readonly runtime: Runtime;
  readonly log: Logger;
  /** The way to auth. */
  readonly auth: () => Transport;
}): Access => {
  const { config, runtime, log } = deps;
  const { clock, timers } = runtime;
  const keys = new KeySet({
    clock,
    timers,
    log,
    // Nobody's call: it must not end with one, nor carry its token.
    fetch: () =>
      runInCall(backgroundCall(""), async () => {
        const client = createClient(AuthService, deps.auth());
        const { keys } = await client.getSigningKeys({}, { timeoutMs: KEYS_TIMEOUT_MS, headers: FRESH });
        return keys;
      }),
  });
  const mode = config.HEDDLE_ACCESS;
  const identityKey = readIdentityKey(config);
  const authenticator = createAuthenticator({ mode, keys, identityKey, pages: config.HEDDLE_CORS_ORIGINS, clock });
  return { guard: createAccessGuard(authenticator, clock), keys };
};

/**
 * The secret by which services prove their names; undefined where the mesh has none.
 *
 * @throws ConfigError where it cannot be read, is too short to be a secret, or is missing where it must not be.
 */
export const readIdentityKey = (
  config: Pick<MeshConfig, "HEDDLE_ACCESS" | "HEDDLE_IDENTITY_KEY_FILE">,
): Uint8Array | undefined => {
  const { HEDDLE_ACCESS: mode, HEDDLE_IDENTITY_KEY_FILE: file } = config;
  if (file === undefined) {
    if (mode === "local") return undefined;
    throw new ConfigError([`HEDDLE_IDENTITY_KEY_FILE: is required with HEDDLE_ACCESS=enforced: ${HOW_TO_MAKE_ONE}`]);
  }
  let text: string;
  try {
    text = readFileSync(file, "latin1").trim();
  } catch (error) {
    throw new ConfigError([`HEDDLE_IDENTITY_KEY_FILE: ${(error as Error).message}: ${HOW_TO_MAKE_ONE}`]);
  }
  if (text.length < KEY_CHARS_MIN) {
    throw new ConfigError([
      `HEDDLE_IDENTITY_KEY_FILE: ${file} has ${text.length} characters, a key at least ${KEY_CHARS_MIN}: ${HOW_TO_MAKE_ONE}`,
    ]);
  }
  return Buffer.from(text, "latin1");
};

/** A key that was just made is not among those that the gateway keeps for a minute. */
const FRESH = { "cache-control": "no-cache" };

const HOW_TO_MAKE_ONE =
  "heddle up makes one; without it, (umask 077; openssl rand -hex 32 > identity.key), the same for all processes";
