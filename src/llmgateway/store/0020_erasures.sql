-- Exchanges that are emptied for good: who asked for it and when, and how far it is. No row of this table says whose they
-- were.
CREATE TABLE erasure (
  "id" TEXT PRIMARY KEY,
  "at" REAL NOT NULL, -- what was received before then is meant
  "by" TEXT NOT NULL,
  "selectors" TEXT NOT NULL, -- JSON array: by what they were chosen
  "stage" TEXT NOT NULL,
  "found" INTEGER NOT NULL DEFAULT 0, -- exchanges
  "erased" INTEGER NOT NULL DEFAULT 0,
  "items" INTEGER NOT NULL DEFAULT 0, -- of datasets
  "files" INTEGER NOT NULL DEFAULT 0, -- beside the journal
  "finished_at" REAL,
  is_last INTEGER NOT NULL DEFAULT 0, -- the look after the journal has let go
  was_linked INTEGER NOT NULL DEFAULT 0, -- something has been linked since the first number
  looked_to INTEGER NOT NULL DEFAULT 0, -- the last number of an exchange, and of a score, that was looked at
  look_to INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX erasure_pending ON erasure ("id") WHERE "finished_at" IS NULL;

-- That is told here, and forgotten with them. A table of its own, whose rows nothing moves about.
CREATE TABLE erasure_whose (
  erasure TEXT NOT NULL,
  whose TEXT NOT NULL -- JSON
) STRICT;

-- What the erasure that is under way has found: numbers of exchanges and of scores.
CREATE TABLE erasing (
  what TEXT NOT NULL,
  seq INTEGER NOT NULL,
  is_overwritten INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (what, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX erasing_left ON erasing (what, seq) WHERE is_overwritten = 0;

-- When the erasure was asked for that has emptied the row.
ALTER TABLE exchange ADD COLUMN "erased_at" REAL;
