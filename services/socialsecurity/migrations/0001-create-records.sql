-- The operator's keys that protect what is stored, by their ids, which give nothing of a key away.
CREATE TABLE keys (
  id TEXT NOT NULL PRIMARY KEY,
  purpose TEXT NOT NULL CHECK (purpose IN ('wrapping', 'index')),
  create_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_index_key ON keys (purpose) WHERE purpose = 'index';

-- The numbers under their seals. A row is inserted at the end, and otherwise only overwritten by one of the same length, so
-- that it never moves and leaves no copy of itself in the free space of a page. Erasing overwrites it with zeros.
CREATE TABLE numbers (
  slot INTEGER NOT NULL PRIMARY KEY,
  wrapped_key BLOB NOT NULL CHECK (length(wrapped_key) = 60),
  number BLOB NOT NULL CHECK (length(number) = 37),
  last_four BLOB NOT NULL CHECK (length(last_four) = 32),
  blind_index BLOB NOT NULL CHECK (length(blind_index) = 32)
) STRICT;

-- A table that outgrows its first page moves the rows on it, once. These empty ones have it happen before there are others.
INSERT INTO numbers (slot, wrapped_key, number, last_four, blind_index)
WITH RECURSIVE slots (slot) AS (SELECT 1 UNION ALL SELECT slot + 1 FROM slots WHERE slot < 64)
SELECT slot, zeroblob(60), zeroblob(37), zeroblob(32), zeroblob(32) FROM slots;

-- One row per registration; an erased one stays, without anything of the number.
CREATE TABLE records (
  id TEXT NOT NULL PRIMARY KEY,
  customer_id TEXT NOT NULL,
  -- NULL once erased, as the four after it.
  slot INTEGER UNIQUE REFERENCES numbers (slot),
  wrapping_key_id TEXT REFERENCES keys (id),
  index_key_id TEXT REFERENCES keys (id),
  -- The first 16 bits of the blind index, to find equal numbers by. An index on all of it would leave copies in its pages.
  bucket INTEGER,
  create_time_ms INTEGER NOT NULL,
  update_time_ms INTEGER NOT NULL,
  verify_time_ms INTEGER,
  erase_time_ms INTEGER,
  -- Wrong numbers that were compared with this one since the last right one, and when the last of them was.
  mismatches INTEGER NOT NULL,
  mismatch_time_ms INTEGER NOT NULL,
  CHECK ((erase_time_ms IS NULL) = (slot IS NOT NULL)),
  CHECK ((slot IS NULL) = (wrapping_key_id IS NULL)),
  CHECK ((slot IS NULL) = (index_key_id IS NULL)),
  CHECK ((slot IS NULL) = (bucket IS NULL))
) STRICT, WITHOUT ROWID;

-- A customer has at most one record that is not erased.
CREATE UNIQUE INDEX live_records_by_customer ON records (customer_id) WHERE erase_time_ms IS NULL;
CREATE INDEX records_by_customer ON records (customer_id, id);
CREATE INDEX records_by_bucket ON records (bucket) WHERE bucket IS NOT NULL;
CREATE INDEX records_by_wrapping_key ON records (wrapping_key_id, id) WHERE wrapping_key_id IS NOT NULL;
CREATE INDEX records_by_index_key ON records (index_key_id) WHERE index_key_id IS NOT NULL;

-- Who touched a number: entries are only added, each with the hash of the one before it.
CREATE TABLE accesses (
  sequence INTEGER NOT NULL PRIMARY KEY,
  customer_id TEXT NOT NULL,
  -- The name of a socialsecurity.v1.AccessKind.
  kind TEXT NOT NULL,
  caller TEXT NOT NULL,
  reason TEXT NOT NULL,
  create_time_ms INTEGER NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;

CREATE INDEX accesses_by_customer ON accesses (customer_id, sequence);

CREATE TRIGGER accesses_are_not_changed BEFORE UPDATE ON accesses
BEGIN
  SELECT RAISE(ABORT, 'entries of the access log are never changed');
END;

CREATE TRIGGER accesses_are_not_removed BEFORE DELETE ON accesses
BEGIN
  SELECT RAISE(ABORT, 'entries of the access log are never removed');
END;
