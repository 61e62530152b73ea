import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../runtime/index.ts";
import type { Problem } from "./problem.ts";

/** The header by which a service says who it is. */
export const IDENTITY_HEADER = "heddle-identity";

/** Milliseconds that a workload's token is good for, and after which the next one is made. */
const LIFE_MS = 5 * 60_000;
const RENEW_MS = 2 * 60_000;
/** Milliseconds by which the clocks of two machines may differ. */
const LEEWAY_MS = 30_000;
/** Milliseconds ahead that a token may expire: whoever sees one must not be able to use it for long. */
const LIFE_MS_MAX = 60 * 60_000;
/** Characters of a token: version, service, instance, seconds, and 32 bytes in base64url. */
const CHARS_MAX = 256;

/** A workload as its token names it. */
export interface Workload {
  readonly service: string;
  readonly instanceId: string;
}

/** What a workload's token proves. */
export interface ProvenWorkload extends Workload {
  /** Milliseconds since the epoch. */
  readonly expiresMs: number;
}

/** `h1.<service>.<instance>.<expiry in seconds>.<HMAC-SHA-256 of what stands before it, in base64url>` */
export const signWorkloadToken = ({ service, instanceId }: Workload, key: Uint8Array, expiresMs: number): string => {
  const said = `h1.${service}.${instanceId}.${Math.floor(expiresMs / 1000)}`;
  return `${said}.${macOf(said, key).toString("base64url")}`;
};

/** The workload that a token names, if it was made with the key and its time is now. */
export const verifyWorkloadToken = (token: string, key: Uint8Array, nowMs: number): ProvenWorkload | Problem => {
  const [, said = "", service = "", instanceId = "", seconds = "", mac = ""] =
    token.length > CHARS_MAX ? [] : (FORMAT.exec(token) ?? []);
  if (said === "") return { problem: "invalid", why: `the header ${IDENTITY_HEADER} cannot be read` };
  const given = Buffer.from(mac, "base64url");
  if (!timingSafeEqual(given, macOf(said, key)) || given.toString("base64url") !== mac)
    return { problem: "invalid", why: `the header ${IDENTITY_HEADER} was not made with this mesh's identity key` };
  const expiresMs = Number(seconds) * 1000 + LEEWAY_MS;
  if (expiresMs <= nowMs) return { problem: "invalid", why: `the header ${IDENTITY_HEADER} has expired` };
  if (expiresMs > nowMs + LIFE_MS_MAX + LEEWAY_MS)
    return { problem: "invalid", why: `the header ${IDENTITY_HEADER} is good for more than an hour` };
  return { service, instanceId, expiresMs };
};

const FORMAT = /^(h1\.([a-z][a-z0-9-]{0,62})\.([A-Za-z0-9_-]{1,64})\.(\d{1,11}))\.([A-Za-z0-9_-]{43})$/;

const macOf = (said: string, key: Uint8Array): Buffer => createHmac("sha256", key).update(said, "latin1").digest();

/** The header that a service sends with its calls: name and value, the same array for minutes. */
export const workloadFields = (workload: Workload, key: Uint8Array, clock: Clock): (() => readonly string[]) => {
  let fields: readonly string[] = [];
  let madeMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = clock.nowMs();
    // A wall clock that was set back makes the old one look too good.
    if (nowMs - madeMs >= RENEW_MS || nowMs < madeMs) {
      fields = [IDENTITY_HEADER, signWorkloadToken(workload, key, nowMs + LIFE_MS)];
      madeMs = nowMs;
    }
    return fields;
  };
};
