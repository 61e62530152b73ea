-- A view is built again in a generation of its own, while the one before it still answers. Each source writes its own part of a
-- row, so that none waits for, or reads, what another has told. Nothing is carried over: no release before this one had a
-- subscriber, and the one that comes with it begins at the first event.
DROP TABLE overviews;
DROP TABLE overview_orders;

-- One row per customer that an event has named. Of each source the latest part, and the creation of its latest event, in
-- milliseconds since the Unix epoch; NULL before the first.
CREATE TABLE overviews (
  generation INTEGER NOT NULL,
  customer_id TEXT NOT NULL,
  -- overview.v1.CustomerSummary
  customer BLOB,
  customer_time_ms INTEGER,
  -- overview.v1.NumberSummary
  number BLOB,
  number_time_ms INTEGER,
  -- overview.v1.CreditScoreSummary
  credit_score BLOB,
  credit_score_time_ms INTEGER,
  -- overview.v1.AccountSummary
  account BLOB,
  account_time_ms INTEGER,
  -- overview.v1.OrderSummary
  orders BLOB,
  orders_time_ms INTEGER,
  PRIMARY KEY (generation, customer_id)
) STRICT, WITHOUT ROWID;

-- The state of every order that an event has named: what is needed to move an order from one count to another.
CREATE TABLE overview_orders (
  generation INTEGER NOT NULL,
  order_id TEXT NOT NULL,
  -- order.v1.OrderState
  state INTEGER NOT NULL,
  PRIMARY KEY (generation, order_id)
) STRICT, WITHOUT ROWID;

-- The creation of the newest event that a generation has taken in of each source, of whatever customer: as of then all its rows
-- hold.
CREATE TABLE overview_sources (
  generation INTEGER NOT NULL,
  -- The service that publishes.
  source TEXT NOT NULL,
  as_of_time_ms INTEGER NOT NULL,
  PRIMARY KEY (generation, source)
) STRICT, WITHOUT ROWID;
