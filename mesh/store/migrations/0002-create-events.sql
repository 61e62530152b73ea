-- The service's event feed, appended to in the transaction of the change that each event tells of.
CREATE TABLE heddle_events (
  -- Commit order: one writer at a time draws it, and a rolled back one is drawn again. Never reused.
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  -- customer.v1.CustomerCreated
  type TEXT NOT NULL,
  -- Events with the same key are applied in order.
  key TEXT NOT NULL,
  -- The message in protobuf's binary form.
  payload BLOB NOT NULL,
  create_time_ms INTEGER NOT NULL,
  -- W3C trace context of the call that published it.
  traceparent TEXT
) STRICT;
