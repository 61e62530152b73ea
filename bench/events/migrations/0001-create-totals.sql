-- The view: what was said of each customer, and a running hash of all of it.
CREATE TABLE totals (
  generation INTEGER NOT NULL,
  customer_id TEXT NOT NULL,
  events INTEGER NOT NULL,
  hash INTEGER NOT NULL,
  PRIMARY KEY (generation, customer_id)
) STRICT, WITHOUT ROWID;
