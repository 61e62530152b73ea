import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type SessionTokens, SessionTokensSchema, type User } from "@heddle/contracts/auth/v1";
import type { Ids } from "@heddle/mesh/runtime";
import { signAccessToken } from "../access-token.ts";
import { formatRefreshToken, type RefreshToken } from "../refresh-token.ts";
import type { OpenSession } from "../session.ts";
import type { Signer } from "../signing-keys.ts";

/** What tokens are made for, and from. */
export interface IssuedFor {
  readonly user: User;
  /** With `refreshToken` stored as its current one. */
  readonly session: OpenSession;
  readonly refreshToken: RefreshToken;
  readonly signer: Signer;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The tokens of a session whose transaction is on the disk. */
export const issueTokens = async (
  { ids }: { readonly ids: Ids },
  { user, session, refreshToken, signer, nowMs }: IssuedFor,
): Promise<SessionTokens> => {
  const subject = { user, sessionId: session.id, tokenId: ids.uuid(), nowMs };
  const { token, expireMs } = await signAccessToken(subject, signer);
  return create(SessionTokensSchema, {
    accessToken: token,
    accessTokenExpireTime: timestampFromMs(expireMs),
    refreshToken: formatRefreshToken(refreshToken),
    refreshTokenExpireTime: timestampFromMs(session.expireMs),
  });
};
