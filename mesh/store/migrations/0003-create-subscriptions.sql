-- How far this service has come in the feeds of others.
CREATE TABLE heddle_subscriptions (
  -- Never reused, so that what waits for a subscription that is gone belongs to no other.
  subscription_id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- The view that the events are folded into, and its generation from 1; '' and 0 for handlers.
  view TEXT NOT NULL,
  generation INTEGER NOT NULL,
  -- The service that publishes.
  source TEXT NOT NULL,
  -- Every event up to here has taken effect, or is in the inbox, or is of no interest.
  sequence INTEGER NOT NULL,
  -- What the feed says of its event there; NULL where it has not said.
  fingerprint BLOB,
  -- JSON: the types that were ever asked for. A release that has forgotten one keeps its events nevertheless.
  types TEXT NOT NULL,
  UNIQUE (view, generation, source)
) STRICT;

-- Events that the cursor has passed and that have not taken effect.
CREATE TABLE heddle_inbox (
  subscription_id INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  payload BLOB NOT NULL,
  create_time_ms INTEGER NOT NULL,
  traceparent TEXT NOT NULL,
  -- waiting: is tried when it is due and the oldest of its key. The others are dead letters. failed: as often as may be. unknown:
  -- this release cannot read it. held: behind another dead letter of its key.
  state TEXT NOT NULL CHECK (state IN ('waiting', 'failed', 'unknown', 'held')),
  attempts INTEGER NOT NULL,
  due_time_ms INTEGER NOT NULL,
  -- What went wrong at the last attempt; '' before.
  error TEXT NOT NULL,
  PRIMARY KEY (subscription_id, sequence)
) STRICT;

CREATE INDEX heddle_inbox_by_key ON heddle_inbox (subscription_id, key, sequence);
CREATE INDEX heddle_inbox_by_state ON heddle_inbox (subscription_id, state, sequence);

-- The generations of the views.
CREATE TABLE heddle_view_generations (
  view TEXT NOT NULL,
  generation INTEGER NOT NULL,
  -- building: is folded from zero. serving: is read. dropping: is deleted little by little.
  state TEXT NOT NULL CHECK (state IN ('building', 'serving', 'dropping')),
  create_time_ms INTEGER NOT NULL,
  PRIMARY KEY (view, generation)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX heddle_view_generations_by_state ON heddle_view_generations (view, state);

-- What operators have decided about the events of others, for good.
CREATE TABLE heddle_event_decisions (
  decision_id INTEGER PRIMARY KEY AUTOINCREMENT,
  decide_time_ms INTEGER NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('skip', 'resume')),
  view TEXT NOT NULL,
  generation INTEGER NOT NULL,
  source TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  -- Of the event that was skipped; '' otherwise.
  key TEXT NOT NULL,
  type TEXT NOT NULL,
  error TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
