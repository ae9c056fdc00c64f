-- What people look at: items in queues, each an exchange or a blind pair of two, and what was said of them.
CREATE TABLE queue (
  name TEXT PRIMARY KEY,
  created_at REAL NOT NULL
) STRICT;

CREATE TABLE queue_item (
  "id" TEXT PRIMARY KEY,
  "queue" TEXT NOT NULL,
  "exchange_id" TEXT NOT NULL,
  "reason" TEXT NOT NULL,
  "created_at" REAL NOT NULL,
  "schema" TEXT NOT NULL,
  "schema_number" INTEGER NOT NULL,
  "other_id" TEXT, -- the second exchange of a pair
  "is_swapped" INTEGER NOT NULL, -- the second one stands on the left
  "needed" INTEGER NOT NULL, -- reviews
  "priority" INTEGER NOT NULL,
  "due_at" REAL,
  "note" TEXT,
  "added_by" TEXT NOT NULL,
  "route" TEXT,
  "served" TEXT,
  "other_served" TEXT,
  "state" TEXT NOT NULL, -- open, disputed, done or skipped
  "version" INTEGER NOT NULL, -- grows with each change
  "claimed_by" TEXT,
  "claimed_until" REAL NOT NULL,
  "closed_at" REAL,
  "labels" TEXT, -- JSON object: what holds
  exchange_seq INTEGER NOT NULL,
  other_seq INTEGER
) STRICT;

CREATE INDEX queue_item_order ON queue_item ("priority" DESC, ifnull("due_at", 1e12), "created_at", "id");
-- Two ways to what may be claimed: what nobody has, and what somebody had for too long. Neither looks at what is held.
CREATE INDEX queue_item_free ON queue_item ("priority" DESC, ifnull("due_at", 1e12), "created_at", "id")
  WHERE "state" = 'open' AND "claimed_by" IS NULL;
CREATE INDEX queue_item_held ON queue_item ("claimed_until") WHERE "state" = 'open' AND "claimed_by" IS NOT NULL;
CREATE INDEX queue_item_standing ON queue_item ("queue", "state", "claimed_until", "created_at");
CREATE INDEX queue_item_waiting ON queue_item ("created_at") WHERE "state" IN ('open', 'disputed');
CREATE INDEX queue_item_exchange ON queue_item (exchange_seq);
CREATE INDEX queue_item_other ON queue_item (other_seq) WHERE other_seq IS NOT NULL;

CREATE TABLE review (
  "item" TEXT NOT NULL,
  "reviewer" TEXT NOT NULL,
  "at" REAL NOT NULL,
  "kind" TEXT NOT NULL, -- review, skip or adjudication
  "labels" TEXT NOT NULL, -- JSON object
  "comment" TEXT,
  "correction" TEXT,
  PRIMARY KEY ("item", "reviewer")
) STRICT;

CREATE INDEX review_said ON review ("at") WHERE "comment" IS NOT NULL OR "correction" IS NOT NULL;

CREATE TABLE label_schema (
  name TEXT NOT NULL,
  number INTEGER NOT NULL,
  document TEXT NOT NULL, -- JSON
  PRIMARY KEY (name, number)
) STRICT;

-- Free text about a version (NULL: whatever answers the route). Open ones stand against a promotion.
CREATE TABLE concern (
  "id" TEXT PRIMARY KEY,
  "at" REAL NOT NULL,
  "by" TEXT NOT NULL,
  "route" TEXT NOT NULL,
  "version" TEXT,
  "severity" TEXT NOT NULL,
  "text" TEXT NOT NULL,
  "owner" TEXT,
  "exchange_id" TEXT,
  "state" TEXT NOT NULL, -- open, resolved or accepted
  "closed_at" REAL,
  "closed_by" TEXT,
  "closed_reason" TEXT
) STRICT;

CREATE INDEX concern_open ON concern ("route", "version") WHERE "state" = 'open';
