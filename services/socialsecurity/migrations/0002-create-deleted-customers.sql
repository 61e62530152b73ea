-- The customers that are deleted, as the events of the service customer told: no number is taken for one.
CREATE TABLE deleted_customers (
  customer_id TEXT NOT NULL PRIMARY KEY,
  delete_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
