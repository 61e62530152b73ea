-- The reply that each request id got, recorded in the transaction of its write.
CREATE TABLE heddle_requests (
  -- customer.v1.CustomerService/CreateCustomer
  method TEXT NOT NULL,
  request_id TEXT NOT NULL,
  -- SHA-256 of the request without its request id.
  request_hash BLOB NOT NULL,
  reply BLOB NOT NULL,
  create_time_ms INTEGER NOT NULL,
  PRIMARY KEY (method, request_id)
) STRICT;

CREATE INDEX heddle_requests_by_create_time ON heddle_requests (create_time_ms);
