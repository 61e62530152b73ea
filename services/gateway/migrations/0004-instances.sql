-- Instances that are registered, so that a gateway that restarts can route to them until they have come back.
CREATE TABLE instances (
  instance_id TEXT NOT NULL PRIMARY KEY,
  -- A serialized heddle.registry.v1.Instance, as it was when it was heard of last.
  instance BLOB NOT NULL
) STRICT, WITHOUT ROWID;
