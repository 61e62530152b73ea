-- How far a placement has come is its saga's to say (heddle_sagas). Orders that are pending get theirs at the next start.
DROP INDEX orders_due;
ALTER TABLE orders DROP COLUMN due_time_ms;
ALTER TABLE orders DROP COLUMN attempts;
ALTER TABLE orders DROP COLUMN checks_passed;

-- Customers whose orders are not confirmed any more, as their events say.
CREATE TABLE deleted_customers (
  customer_id TEXT NOT NULL PRIMARY KEY,
  create_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
