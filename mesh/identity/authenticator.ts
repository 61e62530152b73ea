import type { Clock } from "../runtime/index.ts";
import type { HeaderList } from "../wire/index.ts";
import type { AccessMode } from "./access-mode.ts";
import { parseAccessToken, verifyAccessToken } from "./access-token.ts";
import { ANONYMOUS, type Caller, LOCAL } from "./caller.ts";
import type { KeySet } from "./key-set.ts";
import { notLocalBecause } from "./local-call.ts";
import { isProblem, type Problem } from "./problem.ts";
import { IDENTITY_HEADER, type ProvenWorkload, verifyWorkloadToken } from "./workload-token.ts";

/** What the credentials of a call come to. */
export interface Identified {
  readonly caller: Caller;
  /** What is wrong with a credential that the call carries; the caller is what the rest proves. */
  readonly problem: Problem | undefined;
  /** Why a caller without credentials is not the local one, where that would have been. */
  readonly notLocal: string | undefined;
}

/** Finds out who makes a call. */
export interface Authenticator {
  authenticate(headers: HeaderList, peer: string): Identified;
  /** Changes when what was said before may no longer hold, other than by its expiry. */
  version(): number;
}

/** Proven credentials that are kept, so that each is looked at once: of about 1 KB each. */
const KEPT_MAX = 4_096;

export const createAuthenticator = (options: {
  readonly mode: AccessMode;
  readonly keys: KeySet;
  /** What workloads prove their names with; undefined where the mesh has none. */
  readonly identityKey: Uint8Array | undefined;
  /** Origins of other web pages than the gateway's own that are trusted with what the local caller may do. Default: none. */
  readonly pages?: readonly string[];
  readonly clock: Clock;
}): Authenticator => {
  const { mode, keys, identityKey, pages = [], clock } = options;
  const users = new Kept<Caller>();
  const workloads = new Kept<ProvenWorkload>();
  let keysVersion = keys.version;

  const userOf = (authorization: string): Caller | Problem => {
    if (keysVersion !== keys.version) {
      // What a key that is gone has signed is worth nothing any more.
      users.clear();
      keysVersion = keys.version;
    }
    const nowMs = clock.nowMs();
    const known = users.get(authorization);
    if (known !== undefined && known.expiresMs > nowMs) return known;
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) return { problem: "invalid", why: "authorization must be Bearer and an access token" };
    const parsed = parseAccessToken(token);
    if (isProblem(parsed)) return parsed;
    const key = keys.find(parsed.kid);
    if (key === "unknown") return { problem: "unknown" };
    if (key === undefined) return { problem: "invalid", why: "the access token names a key that nobody has published" };
    const claims = verifyAccessToken(parsed, key, nowMs);
    if (isProblem(claims)) return claims;
    const { userId, roles, expiresMs } = claims;
    const caller: Caller = Object.freeze({ kind: "user", id: userId, roles, service: undefined, expiresMs });
    users.keep(authorization, caller);
    return caller;
  };

  const workloadOf = (token: string): ProvenWorkload | Problem => {
    if (identityKey === undefined)
      return { problem: "invalid", why: `this process has no HEDDLE_IDENTITY_KEY_FILE to check ${IDENTITY_HEADER} by` };
    const nowMs = clock.nowMs();
    const known = workloads.get(token);
    if (known !== undefined && known.expiresMs > nowMs) return known;
    const proven = verifyWorkloadToken(token, identityKey, nowMs);
    if (!isProblem(proven)) workloads.keep(token, proven);
    return proven;
  };

  return {
    version: () => keys.version,
    authenticate(headers, peer) {
      const { authorization, identity, isTwice } = credentialsOf(headers);
      if (isTwice) return withProblem(ANONYMOUS, { problem: "invalid", why: "a credential stands there twice" });
      if (authorization === undefined && identity === undefined) {
        if (mode === "enforced") return NOBODY;
        const notLocal = notLocalBecause(headers, peer, pages);
        return notLocal === undefined ? LOCALLY : { ...NOBODY, notLocal };
      }
      const user = authorization === undefined ? undefined : userOf(authorization);
      const workload = identity === undefined ? undefined : workloadOf(identity);
      const problem = [user, workload].find((proof) => proof !== undefined && isProblem(proof)) as Problem | undefined;
      const caller = callerOf(
        user === undefined || isProblem(user) ? undefined : user,
        workload === undefined || isProblem(workload) ? undefined : workload,
      );
      return withProblem(caller, problem);
    },
  };
};

/** RFC 6750, 2.1. */
const BEARER = /^bearer +([\w.~+/-]+=*) *$/i;

const NOBODY: Identified = Object.freeze({ caller: ANONYMOUS, problem: undefined, notLocal: undefined });
const LOCALLY: Identified = Object.freeze({ caller: LOCAL, problem: undefined, notLocal: undefined });

const withProblem = (caller: Caller, problem: Problem | undefined): Identified => ({
  caller,
  problem,
  notLocal: undefined,
});

const callerOf = (user: Caller | undefined, workload: ProvenWorkload | undefined): Caller => {
  if (workload === undefined) return user ?? ANONYMOUS;
  const { service, expiresMs } = workload;
  if (user === undefined) return { kind: "service", id: service, roles: [], service, expiresMs };
  return { ...user, service, expiresMs: Math.min(user.expiresMs, expiresMs) };
};

interface Credentials {
  authorization: string | undefined;
  identity: string | undefined;
  isTwice: boolean;
}

const credentialsOf = ({ fields }: HeaderList): Credentials => {
  const found: Credentials = { authorization: undefined, identity: undefined, isTwice: false };
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index];
    if (name === "authorization") {
      if (found.authorization !== undefined) found.isTwice = true;
      found.authorization = fields[index + 1];
    } else if (name === IDENTITY_HEADER) {
      if (found.identity !== undefined) found.isTwice = true;
      found.identity = fields[index + 1];
    }
  }
  return found;
};

/** What was proven, by its credential. The oldest goes when there are too many: it is proven again. */
class Kept<T> {
  readonly #proven = new Map<string, T>();

  get(credential: string): T | undefined {
    return this.#proven.get(credential);
  }

  keep(credential: string, proven: T): void {
    const [oldest] = this.#proven.size < KEPT_MAX ? [] : this.#proven.keys();
    if (oldest !== undefined) this.#proven.delete(oldest);
    // Those that are kept anew are the youngest.
    this.#proven.delete(credential);
    this.#proven.set(credential, proven);
  }

  clear(): void {
    this.#proven.clear();
  }
}
