-- Contracts that instances brought, by the hash that names them, and those that the gateway put together from parts.
CREATE TABLE contracts (
  -- SHA-256 of the descriptor set, in lower-case hexadecimal.
  hash TEXT NOT NULL PRIMARY KEY,
  -- A serialized google.protobuf.FileDescriptorSet.
  descriptor_set BLOB NOT NULL,
  -- When an instance brought it last, or it came to be in force: the oldest are forgotten first.
  used_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Package versions that were ever admitted, each with the contract that callers see.
CREATE TABLE packages (
  name TEXT NOT NULL PRIMARY KEY,
  contract_hash TEXT NOT NULL REFERENCES contracts (hash),
  -- Since when the contract is in force.
  update_time_ms INTEGER NOT NULL,
  -- When an instance offered it last: the ones that nobody offers are forgotten first.
  offer_time_ms INTEGER NOT NULL,
  -- Grows with each contract that comes into force, of whatever package.
  sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Contracts of a package that were admitted once, and so may come back.
CREATE TABLE admitted_contracts (
  package TEXT NOT NULL,
  contract_hash TEXT NOT NULL,
  offer_time_ms INTEGER NOT NULL,
  PRIMARY KEY (package, contract_hash)
) STRICT, WITHOUT ROWID;

-- What was decided. A decision that repeats the latest of its package, service and version counts that one up.
CREATE TABLE admissions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  package TEXT NOT NULL,
  contract_hash TEXT NOT NULL,
  service TEXT NOT NULL,
  service_version TEXT NOT NULL,
  -- A value of heddle.contract.v1.AdmissionOutcome.
  outcome INTEGER NOT NULL,
  create_time_ms INTEGER NOT NULL,
  update_time_ms INTEGER NOT NULL,
  count INTEGER NOT NULL,
  -- A serialized heddle.registry.v1.Refused with the violations; empty where there are none.
  violations BLOB NOT NULL,
  -- Empty where none let it in.
  override_id TEXT NOT NULL
) STRICT;
CREATE INDEX admissions_of_package ON admissions (package, id);
CREATE INDEX admissions_of_service ON admissions (package, service, service_version, id);
CREATE INDEX admissions_by_outcome ON admissions (outcome, id);
CREATE INDEX admissions_of_package_by_outcome ON admissions (package, outcome, id);

-- What operators let in although it breaks callers.
CREATE TABLE overrides (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  package TEXT NOT NULL,
  -- How the hash begins; empty for any.
  contract_hash TEXT NOT NULL,
  reason TEXT NOT NULL,
  create_time_ms INTEGER NOT NULL,
  expire_time_ms INTEGER NOT NULL,
  revoke_time_ms INTEGER,
  use_time_ms INTEGER,
  used_contract_hash TEXT NOT NULL,
  -- Ids of the callers who made and revoked it; the second is empty while it was not.
  creator TEXT NOT NULL,
  revoker TEXT NOT NULL
) STRICT;
CREATE INDEX overrides_of_package ON overrides (package, sequence);
