import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { AuthService, type SessionTokens } from "@heddle/contracts/auth/v1";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { Failure } from "./failure.ts";
import { type Session, writeSession } from "./session-file.ts";

/** Milliseconds that the gateway gets to renew a session. */
const TIMEOUT_MS = 5_000;

/** What is kept of the tokens of somebody who has signed in. */
export const sessionOf = (email: string, tokens: SessionTokens): Session => ({
  email,
  accessToken: tokens.accessToken,
  accessExpiresMs: tokens.accessTokenExpireTime === undefined ? 0 : timestampMs(tokens.accessTokenExpireTime),
  refreshToken: tokens.refreshToken,
});

/** Trades the refresh token of a session for new tokens; returns the access token, the old one where the mesh is away. */
export const renewSession = async (file: string, gateway: string, session: Session): Promise<string> => {
  const auth = createClient(AuthService, grpcTransport(gateway, systemRuntime()));
  try {
    const { tokens } = await auth.refreshSession({ refreshToken: session.refreshToken }, { timeoutMs: TIMEOUT_MS });
    if (tokens === undefined) throw new TypeError("RefreshSession answered without tokens");
    const renewed = sessionOf(session.email, tokens);
    writeSession(file, gateway, renewed);
    return renewed.accessToken;
  } catch (error) {
    if (ConnectError.from(error).code === Code.Unauthenticated) {
      writeSession(file, gateway, undefined);
      throw new Failure(`The session of ${session.email} at ${gateway} has ended.`, {
        next: `heddle login --email ${session.email}`,
        cause: error,
      });
    }
    // The call itself will tell what is wrong.
    return session.accessToken;
  }
};
