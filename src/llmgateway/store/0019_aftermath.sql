-- What follows a rollback. "bundle" is written once; "done_at" NULL: something of it is still to be done.
CREATE TABLE aftermath (
  rollout TEXT PRIMARY KEY,
  "at" REAL NOT NULL,
  bundle TEXT NOT NULL, -- JSON: what the rollback rests on, and which exchanges are its exemplars
  outcome TEXT NOT NULL, -- JSON: what came of the exemplars
  done_at REAL
) STRICT;

-- Rollouts that were rolled back before there was such a thing: nobody is sent to look at exchanges that old.
INSERT INTO aftermath SELECT "id", created_at, '{}', '{}', created_at FROM rollout WHERE state = 'rolled_back';

CREATE INDEX rollout_state ON rollout (state);

-- Which contents a replay has compared, by the versions' ids: what they were when it began. NULL: nobody knows.
ALTER TABLE replay ADD COLUMN candidate_hash TEXT;
ALTER TABLE replay ADD COLUMN baseline_hash TEXT;
