import type { ConnectError } from "@connectrpc/connect";
import { commonReasons } from "../contract/common-reasons.ts";
import { fail } from "../contract/fail.ts";
import { methodName } from "../contract/method-name.ts";
import type { Clock } from "../runtime/index.ts";
import type { HeaderList } from "../wire/index.ts";
import type { Authenticator, Identified } from "./authenticator.ts";
import { ANONYMOUS, type Caller } from "./caller.ts";
import type { Permission } from "./permission.ts";

/** Stands before methods, and lets in whom their contracts let in. */
export interface AccessGuard {
  /** Calls of one method that come with one list of headers from one peer. */
  enter(permission: Permission, headers: HeaderList, peer: string): Entry;
  /** Changes when callers may have become others. */
  version(): number;
}

/** Judged once for all the calls that it stands for, and again when a credential expires or the keys change. */
export interface Entry {
  /** Who calls, as of the last check. */
  readonly caller: Caller;
  /** The error that refuses a call; undefined lets it in. To be asked for each call. */
  check(): ConnectError | undefined;
}

/** Milliseconds after which a caller may find that its token can be checked. */
const RETRY_DELAY_MS = 200;

export const createAccessGuard = (authenticator: Authenticator, clock: Clock): AccessGuard => ({
  enter: (permission, headers, peer) => new JudgedEntry({ authenticator, clock, permission, headers, peer }),
  version: () => authenticator.version(),
});

interface EntryDeps {
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly permission: Permission;
  readonly headers: HeaderList;
  readonly peer: string;
}

class JudgedEntry implements Entry {
  readonly #deps: EntryDeps;
  caller: Caller = ANONYMOUS;
  #version = -1;
  #isIn = false;

  constructor(deps: EntryDeps) {
    this.#deps = deps;
  }

  check(): ConnectError | undefined {
    const { authenticator, clock } = this.#deps;
    if (this.#isIn && this.#version === authenticator.version()) {
      const { expiresMs } = this.caller;
      if (expiresMs === Number.POSITIVE_INFINITY || expiresMs > clock.nowMs()) return undefined;
    }
    return this.#judge();
  }

  /** Those who are refused are looked at each time: what kept them out may pass. */
  #judge(): ConnectError | undefined {
    const { authenticator, permission, headers, peer } = this.#deps;
    const identified = authenticator.authenticate(headers, peer);
    // After, because it is what makes versions.
    this.#version = authenticator.version();
    this.caller = identified.caller;
    this.#isIn = permission.allows(identified.caller);
    return this.#isIn ? undefined : refusalOf(permission, identified);
  }
}

/** Why a caller is not let in. Says nothing of who the caller is but roles and service. */
const refusalOf = ({ method, allowed }: Permission, { caller, problem, notLocal }: Identified): ConnectError => {
  const reasons = commonReasons(method.parent.file.proto.package);
  const name = methodName(method);
  switch (problem?.problem) {
    case "invalid":
      return fail(reasons.TOKEN_INVALID, { problem: problem.why });
    case "expired":
      return fail(reasons.TOKEN_EXPIRED, {});
    case "unknown":
      return fail(reasons.KEYS_UNKNOWN, {}, { retryDelayMs: RETRY_DELAY_MS });
  }
  if (caller.kind !== "anonymous")
    return fail(reasons.ACCESS_DENIED, { method: name, allowed, caller: describeCaller(caller) });
  const why = notLocal === undefined ? "it carries no credentials" : `it counts as nobody's, because ${notLocal}`;
  return fail(reasons.CREDENTIALS_MISSING, { method: name, allowed, why });
};

const describeCaller = ({ kind, roles, service }: Caller): string => {
  if (kind === "local") return "the local user";
  const user = roles.length === 0 ? "a user without a role" : `a user with the role ${roles.join(" and ")}`;
  if (service === undefined) return user;
  return kind === "service" ? `the service ${service}` : `the service ${service} for ${user}`;
};
