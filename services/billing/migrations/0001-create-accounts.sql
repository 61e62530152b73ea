-- One row per customer who pays. Amounts are minor units of currency_code, within what common.v1.Money carries.
CREATE TABLE accounts (
  id TEXT NOT NULL PRIMARY KEY,
  customer_id TEXT NOT NULL UNIQUE,
  currency_code TEXT NOT NULL CHECK (currency_code GLOB '[A-Z][A-Z][A-Z]'),
  credit_limit INTEGER NOT NULL CHECK (credit_limit BETWEEN 0 AND 1000000000000000),
  balance INTEGER NOT NULL CHECK (balance BETWEEN -1000000000000000 AND 1000000000000000),
  -- Holds that were not captured, voided or written down as expired: those whose time is over count until the sweep sees them.
  held_amount INTEGER NOT NULL CHECK (held_amount >= 0),
  create_time_ms INTEGER NOT NULL,
  update_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER accounts_keep_owner_and_currency BEFORE UPDATE ON accounts
WHEN NEW.id <> OLD.id OR NEW.customer_id <> OLD.customer_id OR NEW.currency_code <> OLD.currency_code
BEGIN
  SELECT RAISE(ABORT, 'an account keeps its customer and its currency');
END;
