-- What the events of billing and socialsecurity have told of a customer, as far as a score is made of it. Rows are a fold of
-- these events: whoever applies the same ones gets the same rows. Amounts are minor units of the account's one currency, times
-- milliseconds since the Unix epoch.
CREATE TABLE score_inputs (
  customer_id TEXT NOT NULL PRIMARY KEY,
  payment_count INTEGER NOT NULL CHECK (payment_count >= 0),
  refund_count INTEGER NOT NULL CHECK (refund_count >= 0),
  -- NULL without an account, as the two after it.
  credit_limit INTEGER,
  -- Owed and held; less than zero when more was paid than owed.
  credit_in_use INTEGER,
  account_open_time_ms INTEGER,
  number_verified INTEGER NOT NULL CHECK (number_verified IN (0, 1)),
  -- When the latest of the events was made.
  as_of_time_ms INTEGER NOT NULL,
  CHECK ((credit_limit IS NULL) = (credit_in_use IS NULL)),
  CHECK ((credit_limit IS NULL) = (account_open_time_ms IS NULL))
) STRICT, WITHOUT ROWID;
