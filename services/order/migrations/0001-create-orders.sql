-- One row per order, and how far its placement has come.
CREATE TABLE orders (
  id TEXT NOT NULL PRIMARY KEY,
  customer_id TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  total_minor_units INTEGER NOT NULL CHECK (total_minor_units BETWEEN 1 AND 1000000000000000),
  -- order.v1.OrderState.
  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
  -- order.v1.OrderRejectionReason; not 0 exactly when rejected.
  rejection_reason INTEGER NOT NULL CHECK ((rejection_reason <> 0) = (state = 3)),
  -- Billing's authorization, or empty; there is one exactly when the order was confirmed.
  authorization_id TEXT NOT NULL CHECK ((authorization_id <> '') = (state IN (2, 4, 5))),
  create_time_ms INTEGER NOT NULL,
  update_time_ms INTEGER NOT NULL,
  -- The request id of the PlaceOrder that made it, and the hash of that request; NULL when it had none.
  request_id TEXT,
  request_hash BLOB,
  -- 1 once customer, number and score were found good: from then on billing may hold the total, and nothing but billing's own
  -- answer decides.
  checks_passed INTEGER NOT NULL CHECK (checks_passed IN (0, 1)),
  -- While pending: when the placement is taken up again if nobody has finished it, and how often that was done.
  due_time_ms INTEGER CHECK ((due_time_ms IS NULL) = (state <> 1)),
  attempts INTEGER NOT NULL,
  -- order.v1.Order with its lines alone.
  lines BLOB NOT NULL
) STRICT;

-- A repeated PlaceOrder finds the order that its first call made.
CREATE UNIQUE INDEX orders_by_request ON orders (request_id) WHERE request_id IS NOT NULL;

-- Lists of one customer, in any states: the states are read from the index alone.
CREATE INDEX orders_by_customer ON orders (customer_id, id, state);

-- Lists of one state of all customers; several states are merged.
CREATE INDEX orders_by_state ON orders (state, id);

-- The pending ones that are to be taken up again.
CREATE INDEX orders_due ON orders (due_time_ms) WHERE due_time_ms IS NOT NULL;

-- The history of each order.
CREATE TABLE order_transitions (
  order_id TEXT NOT NULL,
  -- Numbers the transitions of one order without gaps, from 1.
  sequence INTEGER NOT NULL CHECK (sequence >= 1),
  from_state INTEGER NOT NULL,
  to_state INTEGER NOT NULL,
  reason TEXT NOT NULL,
  create_time_ms INTEGER NOT NULL,
  PRIMARY KEY (order_id, sequence)
) STRICT, WITHOUT ROWID;

-- History is not rewritten.
CREATE TRIGGER order_transitions_never_change BEFORE UPDATE ON order_transitions
BEGIN
  SELECT RAISE(ABORT, 'a transition never changes');
END;
