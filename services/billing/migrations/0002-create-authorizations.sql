CREATE TABLE authorizations (
  id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  reference TEXT NOT NULL CHECK (reference <> ''),
  amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000000),
  captured_amount INTEGER NOT NULL CHECK (captured_amount BETWEEN 0 AND amount),
  refunded_amount INTEGER NOT NULL CHECK (refunded_amount BETWEEN 0 AND captured_amount),
  state TEXT NOT NULL,
  expire_time_ms INTEGER NOT NULL,
  create_time_ms INTEGER NOT NULL,
  update_time_ms INTEGER NOT NULL,
  CHECK (CASE state
    WHEN 'authorized' THEN captured_amount = 0
    WHEN 'voided' THEN captured_amount = 0
    WHEN 'expired' THEN captured_amount = 0
    WHEN 'captured' THEN refunded_amount < captured_amount
    WHEN 'refunded' THEN captured_amount > 0 AND refunded_amount = captured_amount
    ELSE FALSE END)
) STRICT, WITHOUT ROWID;

-- One payment per reference at a time.
CREATE UNIQUE INDEX authorizations_by_live_reference ON authorizations (account_id, reference)
WHERE state IN ('authorized', 'captured');

-- The sweep: holds whose time is over, oldest first.
CREATE INDEX authorizations_held ON authorizations (expire_time_ms, id) WHERE state = 'authorized';

-- What of an account's holds is over, without a look at the rows.
CREATE INDEX authorizations_held_by_account ON authorizations (account_id, expire_time_ms, amount)
WHERE state = 'authorized';

CREATE TRIGGER authorizations_move_forward BEFORE UPDATE ON authorizations
WHEN NOT (
    (OLD.state = 'authorized' AND NEW.state IN ('captured', 'voided', 'expired'))
    OR (OLD.state = 'captured' AND NEW.state IN ('captured', 'refunded')
      AND NEW.captured_amount = OLD.captured_amount AND NEW.refunded_amount > OLD.refunded_amount)
  )
  OR NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.amount <> OLD.amount
BEGIN
  SELECT RAISE(ABORT, 'an authorization moves forward only');
END;
