import type { AuthService } from "@heddle/contracts/auth/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { REFRESH_TOKEN_INVALID, REFRESH_TOKEN_REUSED } from "../errors.ts";
import { hashRefreshToken, isSameHash, nextRefreshToken, parseRefreshToken } from "../refresh-token.ts";
import { isExpired, refreshedSession, sessionMessage } from "../session.ts";
import type { Deps } from "./deps.ts";
import { issueTokens } from "./issue-tokens.ts";

/** Trades a refresh token for new tokens. One that was used before closes its session. */
export const refreshSession =
  (deps: Deps): Handler<typeof AuthService.method.refreshSession> =>
  async ({ refreshToken: text }) => {
    const { users, sessions, signingKeys, store, clock, random } = deps;
    const shown = parseRefreshToken(text);
    if (shown === undefined) throw fail(REFRESH_TOKEN_INVALID, {});
    const { familyHash, secretHash } = hashRefreshToken(shown);
    // Looked up before anything is written: tokens that nobody was given must not cost a transaction each.
    const known = await store.read((reader) => sessions.find(reader, familyHash));
    if (known === undefined) throw fail(REFRESH_TOKEN_INVALID, {});
    const signer = await signingKeys.signer();
    const refreshToken = nextRefreshToken(shown, random);
    const nowMs = clock.nowMs();
    const outcome = await store.write(async (tx) => {
      const current = await sessions.find(tx, familyHash);
      if (current === undefined || isExpired(current, nowMs)) return "invalid";
      if (!isSameHash(current.secretHash, secretHash)) {
        await sessions.close(tx, familyHash);
        return "reused";
      }
      const user = await users.find(tx, current.userId);
      if (user === undefined) return "invalid";
      const session = refreshedSession(current, hashRefreshToken(refreshToken), nowMs);
      await sessions.update(tx, session);
      return { user, session };
    });
    if (outcome === "invalid") throw fail(REFRESH_TOKEN_INVALID, {});
    // Told only now: the session stays closed, although the call fails.
    if (outcome === "reused") throw fail(REFRESH_TOKEN_REUSED, {});
    const tokens = await issueTokens(deps, { ...outcome, refreshToken, signer, nowMs });
    return { session: sessionMessage(outcome.session), tokens };
  };
