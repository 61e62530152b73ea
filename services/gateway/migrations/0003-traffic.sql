-- What operators made of the traffic: where calls go beside their contracts, and what befalls them on purpose.
CREATE TABLE traffic_rules (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  -- A serialized heddle.traffic.v1.Action.
  action BLOB NOT NULL,
  -- What no two rules in force do at once, such as `split order`; empty for faults, of which any number do.
  slot TEXT NOT NULL,
  -- The service whose calls it directs, such as `order`; empty for faults.
  service TEXT NOT NULL,
  reason TEXT NOT NULL,
  -- Ids of the callers who made and ended it; the second is empty while nobody has.
  creator TEXT NOT NULL,
  ender TEXT NOT NULL,
  create_time_ms INTEGER NOT NULL,
  -- When it ends by itself; NULL: never.
  expire_time_ms INTEGER,
  -- When it was ended or replaced.
  end_time_ms INTEGER,
  -- The id of the rule that took its place; empty while none has.
  successor TEXT NOT NULL
) STRICT;
CREATE INDEX traffic_rules_not_ended ON traffic_rules (end_time_ms, sequence);
