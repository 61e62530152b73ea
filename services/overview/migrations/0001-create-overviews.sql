-- One row per customer that an event has named.
CREATE TABLE overviews (
  customer_id TEXT NOT NULL PRIMARY KEY,
  -- overview.v1.CustomerOverview
  overview BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The state of every order that an event has named: what an overview needs to move an order from one count to another.
CREATE TABLE overview_orders (
  order_id TEXT NOT NULL PRIMARY KEY,
  -- order.v1.OrderState
  state INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
