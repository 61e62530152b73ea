import process from "node:process";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { AuthService, type SessionTokens } from "@heddle/contracts/auth/v1";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemClock, systemRuntime } from "@heddle/mesh/runtime";
import { Failure } from "./failure.ts";
import { readSession, type Session, sessionFile, whileLocked, writeSession } from "./session-file.ts";

/** Milliseconds that an access token must still be good for to be sent. */
const LEFT_MS_MIN = 30_000;
/** Milliseconds that the gateway gets to renew a session. */
const TIMEOUT_MS = 5_000;

/**
 * The access token that a command sends: that of `--token` or HEDDLE_TOKEN, else that of `heddle login` at this gateway, renewed where
 * it is about to expire; undefined where there is none.
 */
export const accessToken = async (
  gateway: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> => {
  if (env.HEDDLE_TOKEN) return env.HEDDLE_TOKEN.trim();
  const file = sessionFile(env);
  const session = readSession(file, gateway);
  if (session === undefined || isFresh(session)) return session?.accessToken;
  return whileLocked(file, async () => {
    // Another command may have been faster.
    const latest = readSession(file, gateway);
    if (latest === undefined || isFresh(latest)) return latest?.accessToken;
    return renew(file, gateway, latest);
  });
};

/** What is kept of the tokens of somebody who has signed in. */
export const sessionOf = (email: string, tokens: SessionTokens): Session => ({
  email,
  accessToken: tokens.accessToken,
  accessExpiresMs: tokens.accessTokenExpireTime === undefined ? 0 : timestampMs(tokens.accessTokenExpireTime),
  refreshToken: tokens.refreshToken,
});

const isFresh = ({ accessExpiresMs }: Session): boolean => accessExpiresMs - systemClock.nowMs() > LEFT_MS_MIN;

const renew = async (file: string, gateway: string, session: Session): Promise<string> => {
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
