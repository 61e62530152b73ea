-- Contracts that instances brought, by the hash that names them.
CREATE TABLE contracts (
  -- SHA-256 of the descriptor set, in lower-case hexadecimal.
  hash TEXT NOT NULL PRIMARY KEY,
  -- A serialized google.protobuf.FileDescriptorSet.
  descriptor_set BLOB NOT NULL,
  first_seen_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
