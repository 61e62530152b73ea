-- References with which nothing is authorized any more: a request that was given up may still be on its way.
CREATE TABLE voided_references (
  customer_id TEXT NOT NULL,
  reference TEXT NOT NULL CHECK (reference <> ''),
  -- What was held under it, or NULL.
  authorization_id TEXT REFERENCES authorizations (id),
  create_time_ms INTEGER NOT NULL,
  PRIMARY KEY (customer_id, reference)
) STRICT, WITHOUT ROWID;
