-- Staged rollouts. What a rollout is to do ("policy") is fixed when it begins; "place" is where it has got to; a row of
-- "transition" is added each time it moves, and never changed. "filed": the generation in which the configuration's file
-- says what came of it; NULL while the workers go by the rollout.
CREATE TABLE rollout (
  "id" TEXT PRIMARY KEY,
  route TEXT NOT NULL,
  candidate TEXT NOT NULL,
  stable TEXT NOT NULL,
  version_hash TEXT NOT NULL,
  stable_hash TEXT NOT NULL,
  creator TEXT NOT NULL,
  created_at REAL NOT NULL,
  unit_key TEXT NOT NULL, -- makes the hashes of its units
  policy TEXT NOT NULL, -- JSON
  place TEXT NOT NULL, -- JSON
  state TEXT NOT NULL,
  revision INTEGER NOT NULL,
  filed INTEGER
) STRICT;

CREATE UNIQUE INDEX rollout_live ON rollout (route) WHERE filed IS NULL;
CREATE INDEX rollout_route ON rollout (route, created_at);

CREATE TABLE transition (
  rollout TEXT NOT NULL,
  revision INTEGER NOT NULL,
  "key" TEXT NOT NULL UNIQUE,
  "at" REAL NOT NULL,
  event TEXT NOT NULL,
  from_state TEXT NOT NULL,
  to_state TEXT NOT NULL,
  pause TEXT,
  step INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  weight REAL NOT NULL,
  actor TEXT NOT NULL, -- empty: the controller
  reason TEXT NOT NULL,
  evidence TEXT NOT NULL, -- JSON
  evidence_hash TEXT NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (rollout, revision)
) STRICT;

CREATE TABLE approval (
  rollout TEXT NOT NULL,
  "by" TEXT NOT NULL,
  version_hash TEXT NOT NULL,
  evidence_hash TEXT NOT NULL,
  "at" REAL NOT NULL,
  PRIMARY KEY (rollout, "by", version_hash, evidence_hash)
) STRICT;

-- Evidence, as sums. "runs" are failures in a row at the end, of the rows that count requests.
CREATE TABLE epoch_count (
  rollout TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  metric TEXT NOT NULL,
  stable_units INTEGER NOT NULL,
  candidate_units INTEGER NOT NULL,
  stable_bad INTEGER NOT NULL,
  candidate_bad INTEGER NOT NULL,
  stable_at REAL NOT NULL,
  candidate_at REAL NOT NULL,
  stable_run INTEGER NOT NULL,
  candidate_run INTEGER NOT NULL,
  PRIMARY KEY (rollout, epoch, metric)
) STRICT;

-- What of a unit has been counted; forgotten when the rollout has ended.
CREATE TABLE unit_event (
  rollout TEXT NOT NULL,
  unit TEXT NOT NULL,
  metric TEXT NOT NULL,
  arm TEXT NOT NULL,
  PRIMARY KEY (rollout, unit, metric, arm)
) STRICT;

-- Which of the candidate's exchanges were shown to whom.
CREATE TABLE exemplar_seen (
  rollout TEXT NOT NULL,
  person TEXT NOT NULL,
  exchange TEXT NOT NULL,
  "at" REAL NOT NULL,
  PRIMARY KEY (rollout, person, exchange)
) STRICT;

ALTER TABLE exchange ADD COLUMN "rollout" TEXT;
ALTER TABLE exchange ADD COLUMN "epoch" INTEGER;
ALTER TABLE exchange ADD COLUMN "unit" TEXT;
CREATE INDEX exchange_rollout ON exchange ("rollout", "id") WHERE "rollout" IS NOT NULL;
