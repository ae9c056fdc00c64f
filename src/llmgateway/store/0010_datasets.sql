-- Sets of requests to try versions on, and what came of it. A version is written once: items are added while it is open,
-- and nothing but an erasure changes it after it was sealed.
CREATE TABLE dataset (
  id INTEGER PRIMARY KEY,
  "name" TEXT NOT NULL,
  "version" INTEGER NOT NULL,
  "route" TEXT,
  "created_at" REAL NOT NULL,
  "author" TEXT NOT NULL,
  "built" TEXT NOT NULL, -- JSON: filters, seed, what was left out
  "content_hash" TEXT, -- NULL: still open
  "items" INTEGER NOT NULL DEFAULT 0,
  "erased" INTEGER NOT NULL DEFAULT 0,
  "bytes" INTEGER NOT NULL DEFAULT 0,
  UNIQUE ("name", "version")
) STRICT;

CREATE TABLE dataset_item (
  dataset_id INTEGER NOT NULL,
  "ordinal" INTEGER NOT NULL,
  "exchange_id" TEXT, -- where it comes from; NULL: imported without one
  "prompt_hash" TEXT, -- NULL with everything below: erased
  "dialect" TEXT,
  "path" TEXT,
  "stratum" TEXT,
  "redaction" TEXT,
  "facts" TEXT, -- JSON: how it went when it was logged
  "request" BLOB, -- both as they were logged; compressed
  "reply" BLOB,
  "erased_at" REAL,
  PRIMARY KEY (dataset_id, "ordinal")
) STRICT;

CREATE INDEX dataset_item_exchange ON dataset_item ("exchange_id") WHERE "exchange_id" IS NOT NULL;

CREATE TABLE replay (
  "id" TEXT PRIMARY KEY,
  "created_at" REAL NOT NULL,
  "author" TEXT NOT NULL,
  "dataset" TEXT NOT NULL,
  "dataset_version" INTEGER NOT NULL,
  "route" TEXT NOT NULL,
  "candidate" TEXT NOT NULL,
  "baseline" TEXT NOT NULL,
  "plan" TEXT NOT NULL, -- JSON: what it was begun with, and is gone on with
  "ended" TEXT, -- why it stopped; NULL: it runs, or waits to be gone on with
  "verdict" TEXT,
  "pairs" INTEGER NOT NULL DEFAULT 0,
  "cost_usd" REAL NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE replay_pair (
  "replay_id" TEXT NOT NULL,
  "ordinal" INTEGER NOT NULL, -- the item's
  "facts" TEXT NOT NULL, -- JSON: both sides' figures; nothing that was said
  PRIMARY KEY ("replay_id", "ordinal")
) STRICT;
