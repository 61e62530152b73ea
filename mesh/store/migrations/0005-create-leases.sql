-- The processes that serve this database now. That they live they say elsewhere, several times a second.
CREATE TABLE heddle_replicas (
  instance_id TEXT NOT NULL PRIMARY KEY,
  -- host:port at which the others reach it.
  address TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Work that belongs to one of them at a time.
CREATE TABLE heddle_leases (
  name TEXT NOT NULL PRIMARY KEY,
  -- An instance, or '' while nobody has it.
  holder TEXT NOT NULL,
  -- Counts the holders. Who has had it before finds another number in its transactions, and does nothing more.
  epoch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The instance that runs a saga, or ''. When it is gone the saga is due at once.
ALTER TABLE heddle_sagas ADD COLUMN runner TEXT NOT NULL DEFAULT '';
