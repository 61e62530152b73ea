import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type User, UserSchema } from "@heddle/contracts/auth/v1";
import { fail } from "@heddle/mesh/contract";
import { isUniqueViolation, type NoParams, type Reader, sql, type Tx } from "@heddle/mesh/store";
import { USER_EMAIL_TAKEN } from "./errors.ts";
import type { LoginFailures } from "./login-failures.ts";
import type { OpenSession } from "./session.ts";
import type { ScheduledKey } from "./signing-key.ts";
import { foldEmail, OPERATOR, withEtag } from "./user.ts";

type UserRow = {
  id: string;
  email: string;
  email_folded: string;
  roles: string;
  create_time_ms: number;
  update_time_ms: number;
};

/** Which users a list asks for. */
export interface UserList {
  /** Empty: any. */
  readonly email: string;
  /** Only those whose id sorts behind this one. */
  readonly afterId: string;
  readonly limit: number;
}

/** What Login needs of an account. */
export interface Credential {
  readonly userId: string;
  readonly phc: string;
}

const insertUser = sql<UserRow>(`
  INSERT INTO users (id, email, email_folded, roles, create_time_ms, update_time_ms)
  VALUES (:id, :email, :email_folded, :roles, :create_time_ms, :update_time_ms)`);
const updateRoles = sql<{ id: string; roles: string; update_time_ms: number }>(
  "UPDATE users SET roles = :roles, update_time_ms = :update_time_ms WHERE id = :id",
);
const userById = sql<{ id: string }, UserRow>("SELECT * FROM users WHERE id = :id");
// One statement per shape of list, so that each has an index that fits.
const allUsers = sql<{ after: string; limit: number }, UserRow>(
  "SELECT * FROM users WHERE id > :after ORDER BY id LIMIT :limit",
);
const usersByEmail = sql<{ email: string; after: string; limit: number }, UserRow>(
  "SELECT * FROM users WHERE email_folded = :email AND id > :after ORDER BY id LIMIT :limit",
);
const anyWithRole = sql<{ role: string }, { found: number }>(
  "SELECT 1 AS found FROM users, json_each(users.roles) AS role WHERE role.value = :role LIMIT 1",
);
const insertPassword = sql<{ user_id: string; phc: string }>(
  "INSERT INTO passwords (user_id, phc) VALUES (:user_id, :phc)",
);
const updatePassword = sql<{ user_id: string; phc: string }>(
  "UPDATE passwords SET phc = :phc WHERE user_id = :user_id",
);
const credentialByEmail = sql<{ email: string }, { userId: string; phc: string }>(
  "SELECT user_id AS userId, phc FROM users JOIN passwords ON user_id = id WHERE email_folded = :email",
);

/** The users and their passwords' hashes. */
export const userStore = () => ({
  /** Throws USER_EMAIL_TAKEN. */
  async insert(tx: Tx, user: User, phc: string): Promise<void> {
    await tx.run(insertUser, toUserRow(user)).catch(emailTaken);
    await tx.run(insertPassword, { user_id: user.id, phc });
  },
  updateRoles: (tx: Tx, user: User) => {
    const { id, roles, update_time_ms } = toUserRow(user);
    return tx.run(updateRoles, { id, roles, update_time_ms });
  },
  updatePassword: (tx: Tx, { userId, phc }: Credential) => tx.run(updatePassword, { user_id: userId, phc }),
  async find(reader: Reader, id: string): Promise<User | undefined> {
    const row = await reader.get(userById, { id });
    return row && toUser(row);
  },
  findCredential: (reader: Reader, email: string): Promise<Credential | undefined> =>
    reader.get(credentialByEmail, { email: foldEmail(email) }),
  /** Whether anybody can change roles. Reads all users. */
  hasOperator: async (reader: Reader): Promise<boolean> =>
    (await reader.get(anyWithRole, { role: OPERATOR })) !== undefined,
  /** In the order of their ids, which is that of their registration. */
  async list(reader: Reader, { email, afterId: after, limit }: UserList): Promise<User[]> {
    const rows =
      email === ""
        ? await reader.all(allUsers, { after, limit })
        : await reader.all(usersByEmail, { email: foldEmail(email), after, limit });
    return rows.map(toUser);
  },
});

export type UserStore = ReturnType<typeof userStore>;

const emailTaken = (error: unknown): never => {
  if (isUniqueViolation(error, "users.email_folded")) throw fail(USER_EMAIL_TAKEN, {});
  throw error;
};

const toUserRow = (user: User): UserRow => ({
  id: user.id,
  email: user.email,
  email_folded: foldEmail(user.email),
  roles: JSON.stringify(user.roles),
  create_time_ms: user.createTime ? timestampMs(user.createTime) : 0,
  update_time_ms: user.updateTime ? timestampMs(user.updateTime) : 0,
});

const toUser = (row: UserRow): User =>
  withEtag(
    create(UserSchema, {
      id: row.id,
      email: row.email,
      roles: JSON.parse(row.roles),
      createTime: timestampFromMs(row.create_time_ms),
      updateTime: timestampFromMs(row.update_time_ms),
    }),
  );

type SessionRow = {
  id: string;
  user_id: string;
  family_hash: Uint8Array;
  secret_hash: Uint8Array;
  create_time_ms: number;
  expire_time_ms: number;
};

const insertSession = sql<SessionRow>(`
  INSERT INTO sessions (id, user_id, family_hash, secret_hash, create_time_ms, expire_time_ms)
  VALUES (:id, :user_id, :family_hash, :secret_hash, :create_time_ms, :expire_time_ms)`);
const updateSession = sql<Pick<SessionRow, "id" | "secret_hash" | "expire_time_ms">>(
  "UPDATE sessions SET secret_hash = :secret_hash, expire_time_ms = :expire_time_ms WHERE id = :id",
);
const sessionByFamily = sql<{ family_hash: Uint8Array }, SessionRow>(
  "SELECT * FROM sessions WHERE family_hash = :family_hash",
);
const deleteSession = sql<{ family_hash: Uint8Array }>("DELETE FROM sessions WHERE family_hash = :family_hash");
const deleteSessionsBeyond = sql<{ user_id: string; kept: number }>(`
  DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE user_id = :user_id ORDER BY expire_time_ms DESC, id DESC LIMIT -1 OFFSET :kept)`);
const deleteExpired = sql<{ now: number; limit: number }>(`
  DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE expire_time_ms <= :now ORDER BY expire_time_ms LIMIT :limit)`);

/** The open sessions. */
export const sessionStore = () => ({
  insert: (tx: Tx, session: OpenSession) => tx.run(insertSession, toSessionRow(session)),
  /** Stores a new refresh token and expiry. */
  update: (tx: Tx, session: OpenSession) => {
    const { id, secret_hash, expire_time_ms } = toSessionRow(session);
    return tx.run(updateSession, { id, secret_hash, expire_time_ms });
  },
  async find(reader: Reader, familyHash: Uint8Array): Promise<OpenSession | undefined> {
    const row = await reader.get(sessionByFamily, { family_hash: familyHash });
    return row && toSession(row);
  },
  /** Closes the session, if it is open. */
  close: (tx: Tx, familyHash: Uint8Array) => tx.run(deleteSession, { family_hash: familyHash }),
  /** Closes the sessions of a user but those `kept` that were refreshed last. */
  closeBeyond: (tx: Tx, userId: string, kept: number) => tx.run(deleteSessionsBeyond, { user_id: userId, kept }),
  /** Removes sessions that have expired, at most `limit`; resolves to their number. */
  sweep: (tx: Tx, nowMs: number, limit: number) => tx.run(deleteExpired, { now: nowMs, limit }),
});

export type SessionStore = ReturnType<typeof sessionStore>;

const toSessionRow = (session: OpenSession): SessionRow => ({
  id: session.id,
  user_id: session.userId,
  family_hash: session.familyHash,
  secret_hash: session.secretHash,
  create_time_ms: session.createMs,
  expire_time_ms: session.expireMs,
});

const toSession = (row: SessionRow): OpenSession => ({
  id: row.id,
  userId: row.user_id,
  familyHash: row.family_hash,
  secretHash: row.secret_hash,
  createMs: row.create_time_ms,
  expireMs: row.expire_time_ms,
});

const failuresOf = sql<{ account: Uint8Array }, { count: number; lastMs: number }>(
  "SELECT count, last_ms AS lastMs FROM login_failures WHERE account = :account",
);
const putFailures = sql<{ account: Uint8Array; count: number; last_ms: number }>(`
  INSERT INTO login_failures (account, count, last_ms) VALUES (:account, :count, :last_ms)
  ON CONFLICT (account) DO UPDATE SET count = excluded.count, last_ms = excluded.last_ms`);
const deleteFailures = sql<{ account: Uint8Array }>("DELETE FROM login_failures WHERE account = :account");
const deleteOldFailures = sql<{ before: number; limit: number }>(`
  DELETE FROM login_failures WHERE account IN (
    SELECT account FROM login_failures WHERE last_ms <= :before ORDER BY last_ms LIMIT :limit)`);

/** The failed sign-ins, by `accountKey`. */
export const failureStore = () => ({
  find: (reader: Reader, account: Uint8Array): Promise<LoginFailures | undefined> =>
    reader.get(failuresOf, { account }),
  put: (tx: Tx, account: Uint8Array, { count, lastMs }: LoginFailures) =>
    tx.run(putFailures, { account, count, last_ms: lastMs }),
  forget: (tx: Tx, account: Uint8Array) => tx.run(deleteFailures, { account }),
  /** Removes those of which the last was at `beforeMs` or earlier, at most `limit`; resolves to their number. */
  sweep: (tx: Tx, beforeMs: number, limit: number) => tx.run(deleteOldFailures, { before: beforeMs, limit }),
});

export type FailureStore = ReturnType<typeof failureStore>;

type KeyRow = { kid: string; private_key: Uint8Array; public_key: Uint8Array; sign_from_ms: number };

const insertKey = sql<KeyRow>(`
  INSERT INTO signing_keys (kid, private_key, public_key, sign_from_ms)
  VALUES (:kid, :private_key, :public_key, :sign_from_ms)`);
const deleteKey = sql<{ kid: string }>("DELETE FROM signing_keys WHERE kid = :kid");
const allKeys = sql<NoParams, KeyRow>("SELECT * FROM signing_keys ORDER BY sign_from_ms");

/** The signing keys. */
export const keyStore = () => ({
  insert: (tx: Tx, key: ScheduledKey) =>
    tx.run(insertKey, {
      kid: key.kid,
      private_key: key.privateKey,
      public_key: key.publicKey,
      sign_from_ms: key.signFromMs,
    }),
  remove: (tx: Tx, kid: string) => tx.run(deleteKey, { kid }),
  /** Oldest first. */
  async list(reader: Reader): Promise<ScheduledKey[]> {
    const rows = await reader.all(allKeys, {});
    return rows.map((row) => ({
      kid: row.kid,
      privateKey: row.private_key,
      publicKey: row.public_key,
      signFromMs: row.sign_from_ms,
    }));
  },
});

export type KeyStore = ReturnType<typeof keyStore>;
