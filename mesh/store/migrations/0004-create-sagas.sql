-- Transactions that span services, each changed together with what it is about.
CREATE TABLE heddle_sagas (
  id TEXT NOT NULL PRIMARY KEY,
  -- place-order
  name TEXT NOT NULL,
  -- Numbers the shape of its steps: a saga ends on the version that it began with.
  version INTEGER NOT NULL CHECK (version >= 1),
  -- What it is about, such as an order's id.
  key TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'compensating', 'completed', 'compensated', 'parked')),
  -- Which way a parked one goes on: 'on', or 'back' once it is being undone.
  direction TEXT NOT NULL CHECK (direction IN ('on', 'back')),
  -- JSON: what the steps hand on; each step with its attempts; why it is undone or parked, or NULL.
  state TEXT NOT NULL,
  steps TEXT NOT NULL,
  failure TEXT,
  -- W3C trace context of what started it.
  traceparent TEXT NOT NULL,
  -- Undone from then on unless it is completed.
  deadline_ms INTEGER NOT NULL,
  -- When somebody should take it up unless it runs; NULL when it is parked or has ended.
  due_time_ms INTEGER CHECK ((due_time_ms IS NULL) = (status IN ('completed', 'compensated', 'parked'))),
  create_time_ms INTEGER NOT NULL,
  update_time_ms INTEGER NOT NULL,
  end_time_ms INTEGER CHECK ((end_time_ms IS NULL) = (status IN ('running', 'compensating', 'parked'))),
  -- Counts the writes: of two runners of one saga the slower finds that it was changed, and lets go.
  revision INTEGER NOT NULL
) STRICT;

-- One of a name is under way for a key at any time.
CREATE UNIQUE INDEX heddle_sagas_live ON heddle_sagas (name, key) WHERE end_time_ms IS NULL;

CREATE INDEX heddle_sagas_due ON heddle_sagas (due_time_ms) WHERE due_time_ms IS NOT NULL;

-- What needs an operator, and what went wrong, among many that went well.
CREATE INDEX heddle_sagas_odd ON heddle_sagas (status, id) WHERE status <> 'completed';

CREATE INDEX heddle_sagas_by_key ON heddle_sagas (key, id);

CREATE INDEX heddle_sagas_by_name ON heddle_sagas (name, id);
