-- The books. A booking is written entries first; the row in ledger_transactions posts it, and is refused unless the entries
-- balance. Entries without it cannot be committed, entries after it are refused, and nothing is ever changed or removed.
CREATE TABLE ledger_entries (
  -- The order of booking.
  sequence INTEGER NOT NULL PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  -- Checked at COMMIT.
  transaction_id TEXT NOT NULL REFERENCES ledger_transactions (id) DEFERRABLE INITIALLY DEFERRED,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  currency_code TEXT NOT NULL,
  ledger_account TEXT NOT NULL CHECK (ledger_account IN ('receivable', 'sales', 'cash')),
  side TEXT NOT NULL CHECK (side IN ('debit', 'credit')),
  amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000000)
) STRICT;

CREATE INDEX ledger_entries_by_transaction ON ledger_entries (transaction_id);

-- Lists of one account, in the order of booking: an index ends with the sequence.
CREATE INDEX ledger_entries_by_account ON ledger_entries (account_id);

CREATE TABLE ledger_transactions (
  id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  currency_code TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('capture', 'refund', 'payment')),
  -- NULL for a payment.
  authorization_id TEXT REFERENCES authorizations (id),
  reference TEXT NOT NULL,
  create_time_ms INTEGER NOT NULL,
  CHECK ((kind = 'payment') = (authorization_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER ledger_transactions_balance BEFORE INSERT ON ledger_transactions
BEGIN
  SELECT RAISE(ABORT, 'the entries of a ledger transaction must sum to zero')
  WHERE (
    SELECT coalesce(sum(CASE side WHEN 'debit' THEN amount ELSE -amount END), 1)
    FROM ledger_entries WHERE transaction_id = NEW.id
  ) <> 0;
  SELECT RAISE(ABORT, 'the entries of a ledger transaction must be of its account, in the currency of the account')
  WHERE NEW.currency_code <> (SELECT currency_code FROM accounts WHERE id = NEW.account_id)
    OR EXISTS (
      SELECT 1 FROM ledger_entries
      WHERE transaction_id = NEW.id AND (account_id <> NEW.account_id OR currency_code <> NEW.currency_code)
    );
  -- Otherwise INSERT OR REPLACE would change it without a word to the triggers below.
  SELECT RAISE(ABORT, 'a ledger transaction is posted once')
  WHERE EXISTS (SELECT 1 FROM ledger_transactions WHERE id = NEW.id);
END;

CREATE TRIGGER ledger_entries_come_first BEFORE INSERT ON ledger_entries
BEGIN
  SELECT RAISE(ABORT, 'a posted ledger transaction takes no more entries')
  WHERE EXISTS (SELECT 1 FROM ledger_transactions WHERE id = NEW.transaction_id);
  SELECT RAISE(ABORT, 'a ledger entry is written once')
  WHERE EXISTS (SELECT 1 FROM ledger_entries WHERE id = NEW.id OR sequence = NEW.sequence);
END;

CREATE TRIGGER ledger_entries_never_change BEFORE UPDATE ON ledger_entries
BEGIN
  SELECT RAISE(ABORT, 'a ledger entry never changes');
END;

CREATE TRIGGER ledger_entries_stay BEFORE DELETE ON ledger_entries
BEGIN
  SELECT RAISE(ABORT, 'a ledger entry is never removed');
END;

CREATE TRIGGER ledger_transactions_never_change BEFORE UPDATE ON ledger_transactions
BEGIN
  SELECT RAISE(ABORT, 'a ledger transaction never changes');
END;

CREATE TRIGGER ledger_transactions_stay BEFORE DELETE ON ledger_transactions
BEGIN
  SELECT RAISE(ABORT, 'a ledger transaction is never removed');
END;
