import type { AuthService, User } from "@heddle/contracts/auth/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Tx } from "@heddle/mesh/store";
import { CREDENTIALS_INVALID } from "../errors.ts";
import { SESSIONS_PER_USER_MAX } from "../limits.ts";
import { accountKey, oneMoreFailure, refuseWhileExhausted } from "../login-failures.ts";
import { hashRefreshToken, newRefreshToken } from "../refresh-token.ts";
import { newSession, sessionMessage } from "../session.ts";
import type { Credential } from "../store.ts";
import type { Deps } from "./deps.ts";
import { issueTokens } from "./issue-tokens.ts";

/** Opens a session. An unknown e-mail address takes the same steps, and so the same time, as a wrong password. */
export const login =
  (deps: Deps): Handler<typeof AuthService.method.login> =>
  async ({ email, password }, { signal }) => {
    const { users, sessions, failures, signingKeys, store, clock, random, ids } = deps;
    const account = accountKey(email);
    const credential = await store.read(async (reader) => {
      refuseWhileExhausted(await failures.find(reader, account), clock.nowMs());
      return users.findCredential(reader, email);
    });
    const verified = await deps.slots.run(() => verify(deps, { account, credential, password }), signal);
    const { userId } = verified;
    const signer = await signingKeys.signer();
    const refreshToken = newRefreshToken(random);
    const nowMs = clock.nowMs();
    const { user, session } = await store.write(async (tx) => {
      await failures.forget(tx, account);
      if (verified.upgradedPhc !== undefined) await users.updatePassword(tx, { userId, phc: verified.upgradedPhc });
      await sessions.closeBeyond(tx, userId, SESSIONS_PER_USER_MAX - 1);
      const opened = newSession({ id: ids.next("ses"), userId }, hashRefreshToken(refreshToken), nowMs);
      await sessions.insert(tx, opened);
      return { user: await ownerOf(tx, deps, userId), session: opened };
    });
    const tokens = await issueTokens(deps, { user, session, refreshToken, signer, nowMs });
    return { session: sessionMessage(session), tokens, user };
  };

/** The user whose password it is. Throws CREDENTIALS_INVALID, LOGIN_FAILURES_EXHAUSTED. */
const verify = async (
  { failures, passwords, store, clock }: Pick<Deps, "failures" | "passwords" | "store" | "clock">,
  attempt: { account: Uint8Array; credential: Credential | undefined; password: string },
): Promise<{ userId: string; upgradedPhc: string | undefined }> => {
  const { account, credential, password } = attempt;
  // Counted before it is known to be one, so that guesses at the same time cannot outrun the limit.
  await store.write(async (tx) => {
    await failures.put(tx, account, oneMoreFailure(await failures.find(tx, account), clock.nowMs()));
  });
  const right = await passwords.verify(password, credential?.phc);
  if (!right || credential === undefined) throw fail(CREDENTIALS_INVALID, {});
  const { userId, phc } = credential;
  return { userId, upgradedPhc: passwords.isCurrent(phc) ? undefined : await passwords.hash(password) };
};

/** The user of a session: users are never removed. */
const ownerOf = async (tx: Tx, { users }: Pick<Deps, "users">, userId: string): Promise<User> => {
  const user = await users.find(tx, userId);
  if (user === undefined) throw new Error(`user ${userId} is gone, although users are never removed`);
  return user;
};
