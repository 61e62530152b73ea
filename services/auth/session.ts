import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Session, SessionSchema } from "@heddle/contracts/auth/v1";
import { REFRESH_TOKEN_LIFE_MS } from "./limits.ts";
import type { RefreshTokenHash } from "./refresh-token.ts";

/** An open session. A closed one is not kept. */
export interface OpenSession extends RefreshTokenHash {
  readonly id: string;
  readonly userId: string;
  /** Milliseconds since the epoch. */
  readonly createMs: number;
  /** Milliseconds since the epoch. */
  readonly expireMs: number;
}

/** A session as Login opens it. */
export const newSession = (
  owner: { readonly id: string; readonly userId: string },
  hash: RefreshTokenHash,
  nowMs: number,
): OpenSession => ({ ...owner, ...hash, createMs: nowMs, expireMs: nowMs + REFRESH_TOKEN_LIFE_MS });

/** The session with a new refresh token in the place of the one before. */
export const refreshedSession = (current: OpenSession, hash: RefreshTokenHash, nowMs: number): OpenSession => ({
  ...current,
  ...hash,
  expireMs: nowMs + REFRESH_TOKEN_LIFE_MS,
});

export const isExpired = ({ expireMs }: OpenSession, nowMs: number): boolean => expireMs <= nowMs;

/** What the contract shows of a session. */
export const sessionMessage = ({ id, userId, createMs, expireMs }: OpenSession): Session =>
  create(SessionSchema, {
    id,
    userId,
    createTime: timestampFromMs(createMs),
    expireTime: timestampFromMs(expireMs),
  });
