-- One row per customer; a deleted one stays, with the time of its deletion.
CREATE TABLE customers (
  id TEXT NOT NULL PRIMARY KEY,
  given_name TEXT NOT NULL,
  family_name TEXT NOT NULL,
  email TEXT NOT NULL,
  -- What e-mail addresses are compared by.
  email_folded TEXT NOT NULL,
  phone TEXT NOT NULL,
  -- customer.v1.PostalAddress, or NULL when not known.
  address BLOB,
  -- ISO 8601, such as 1980-02-29, or NULL when not known.
  birth_date TEXT,
  create_time_ms INTEGER NOT NULL,
  update_time_ms INTEGER NOT NULL,
  delete_time_ms INTEGER
) STRICT, WITHOUT ROWID;

-- An address belongs to one customer at a time among those that are not deleted.
CREATE UNIQUE INDEX customers_by_live_email ON customers (email_folded) WHERE delete_time_ms IS NULL;

-- Lists by address, deleted ones too.
CREATE INDEX customers_by_email ON customers (email_folded, id);

-- Lists of those that are not deleted stay flat, however many are.
CREATE INDEX customers_live ON customers (id) WHERE delete_time_ms IS NULL;
