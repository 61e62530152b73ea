import type { User } from "@heddle/contracts/auth/v1";
import { TOKEN_ISSUER } from "@heddle/mesh/identity";
import { SignJWT } from "jose";
import { ACCESS_TOKEN_LIFE_MS } from "./limits.ts";
import type { Signer } from "./signing-keys.ts";

/** What an access token is about. */
export interface AccessTokenSubject {
  readonly user: User;
  readonly sessionId: string;
  /** Identifies the token: its `jti`. */
  readonly tokenId: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** An access token and when it expires, in milliseconds since the epoch. */
export interface AccessToken {
  readonly token: string;
  readonly expireMs: number;
}

/** Signs an access token: a JWT (RFC 7519) by EdDSA (RFC 8037). Its times are whole seconds. */
export const signAccessToken = async (
  { user, sessionId, tokenId, nowMs }: AccessTokenSubject,
  { kid, privateKey }: Signer,
): Promise<AccessToken> => {
  const issuedSeconds = Math.floor(nowMs / 1000);
  const expireSeconds = issuedSeconds + ACCESS_TOKEN_LIFE_MS / 1000;
  const token = await new SignJWT({ roles: user.roles, sid: sessionId })
    .setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid })
    .setIssuer(TOKEN_ISSUER)
    .setSubject(user.id)
    .setJti(tokenId)
    .setIssuedAt(issuedSeconds)
    .setExpirationTime(expireSeconds)
    .sign(privateKey);
  return { token, expireMs: expireSeconds * 1000 };
};
