-- Who still uses what, by days of UTC. A day is the number of whole days since 1970-01-01.

-- Programs that call.
CREATE TABLE consumers (
  id INTEGER NOT NULL PRIMARY KEY,
  -- heddle.usage.v1.ConsumerKind
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  -- Empty when not known.
  version TEXT NOT NULL,
  last_day INTEGER NOT NULL,
  UNIQUE (kind, name, version)
) STRICT;

CREATE TABLE method_usage (
  -- customer.v1.CustomerService/GetCustomer
  method TEXT NOT NULL,
  consumer_id INTEGER NOT NULL,
  day INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  -- Requests that were looked at for the fields that they set.
  samples INTEGER NOT NULL,
  first_time_ms INTEGER NOT NULL,
  last_time_ms INTEGER NOT NULL,
  PRIMARY KEY (method, consumer_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX method_usage_by_day ON method_usage (day);

-- What the refused calls of method_usage were refused for.
CREATE TABLE refusals (
  method TEXT NOT NULL,
  consumer_id INTEGER NOT NULL,
  day INTEGER NOT NULL,
  reason TEXT NOT NULL,
  calls INTEGER NOT NULL,
  PRIMARY KEY (method, consumer_id, day, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusals_by_day ON refusals (day);

-- Fields that requests have set, of those that were looked at.
CREATE TABLE field_usage (
  message TEXT NOT NULL,
  number INTEGER NOT NULL,
  method TEXT NOT NULL,
  consumer_id INTEGER NOT NULL,
  day INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  last_time_ms INTEGER NOT NULL,
  PRIMARY KEY (message, number, method, consumer_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX field_usage_by_day ON field_usage (day);

-- The last report of each instance that was counted, so that none is counted twice.
CREATE TABLE usage_reports (
  instance_id TEXT NOT NULL PRIMARY KEY,
  sequence INTEGER NOT NULL,
  day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When the gateway first saw each element of a contract deprecated.
CREATE TABLE deprecations (
  element TEXT NOT NULL PRIMARY KEY,
  time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
