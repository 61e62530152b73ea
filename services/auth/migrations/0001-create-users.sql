-- One row per user.
CREATE TABLE users (
  id TEXT NOT NULL PRIMARY KEY,
  email TEXT NOT NULL,
  -- What e-mail addresses are compared by.
  email_folded TEXT NOT NULL UNIQUE,
  -- A JSON array, sorted.
  roles TEXT NOT NULL,
  create_time_ms INTEGER NOT NULL,
  update_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Apart from the users, so that no list of them ever reads a hash.
CREATE TABLE passwords (
  user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id),
  -- argon2id in PHC format.
  phc TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Open sessions; a closed one is removed.
CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  -- SHA-256 of the halves of the current refresh token: the one that all tokens of the session share, and its own.
  family_hash BLOB NOT NULL UNIQUE,
  secret_hash BLOB NOT NULL,
  create_time_ms INTEGER NOT NULL,
  expire_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The sessions of a user, the one to close first in front.
CREATE INDEX sessions_by_user ON sessions (user_id, expire_time_ms, id);

CREATE INDEX sessions_by_expiry ON sessions (expire_time_ms);

-- Failed sign-ins since the last success, also with addresses that nobody has.
CREATE TABLE login_failures (
  -- SHA-256 of the folded e-mail address.
  account BLOB NOT NULL PRIMARY KEY,
  count INTEGER NOT NULL,
  last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX login_failures_by_time ON login_failures (last_ms);

-- The keys that sign access tokens, until their last token has expired.
CREATE TABLE signing_keys (
  kid TEXT NOT NULL PRIMARY KEY,
  -- Ed25519, 32 bytes each.
  private_key BLOB NOT NULL,
  public_key BLOB NOT NULL,
  -- When it takes over from the key before; no two at once.
  sign_from_ms INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
