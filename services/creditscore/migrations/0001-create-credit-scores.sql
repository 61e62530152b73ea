-- One row per score ever computed. The latest of a customer has the highest sequence: ids sort by the clock, which may go
-- back between two runs of the service.
CREATE TABLE credit_scores (
  customer_id TEXT NOT NULL,
  -- Numbers the scores of one customer without gaps, from 1.
  sequence INTEGER NOT NULL CHECK (sequence >= 1),
  id TEXT NOT NULL UNIQUE,
  value INTEGER NOT NULL CHECK (value BETWEEN 300 AND 850),
  -- poor, fair, good, very_good or excellent.
  band TEXT NOT NULL,
  -- JSON: [{"kind": "base", "points": 250}, …], the strongest first.
  factors TEXT NOT NULL CHECK (json_valid(factors)),
  model_version TEXT NOT NULL,
  create_time_ms INTEGER NOT NULL,
  PRIMARY KEY (customer_id, sequence)
) STRICT, WITHOUT ROWID;

-- A score that was told to somebody is a fact; a new one follows instead.
CREATE TRIGGER credit_scores_never_change BEFORE UPDATE ON credit_scores
BEGIN
  SELECT RAISE(ABORT, 'a credit score never changes');
END;
