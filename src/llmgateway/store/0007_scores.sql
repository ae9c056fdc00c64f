-- What users, programs, judges and people say of exchanges, a row for each time they say it. A number that is gone never
-- comes again: what stands behind it is still to be looked at.
CREATE TABLE score (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  "id" TEXT NOT NULL UNIQUE,
  "at" REAL NOT NULL,
  "exchange_id" TEXT, -- NULL: known by its caller's reference, until it is found
  "reference" TEXT,
  "key" TEXT, -- whose exchange it has to be; NULL: anybody's
  "name" TEXT NOT NULL,
  "data_type" TEXT NOT NULL,
  "number" REAL, -- of a bool 0 or 1
  "text" TEXT,
  "source_kind" TEXT NOT NULL,
  "source_id" TEXT NOT NULL,
  "run" TEXT,
  "comment" TEXT,
  "state" TEXT NOT NULL, -- pending, valid or rejected
  "reason" TEXT,
  "exchange_seq" INTEGER, -- NULL: of no exchange that is here
  "route" TEXT,
  "version" TEXT,
  "is_current" INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX score_current ON score ("exchange_seq", "name", "source_kind", "source_id") WHERE "is_current" = 1;
CREATE INDEX score_exchange ON score ("exchange_seq") WHERE "exchange_seq" IS NOT NULL;
CREATE INDEX score_exchange_id ON score ("exchange_id");
CREATE INDEX score_pending ON score ("exchange_id") WHERE "state" = 'pending';
CREATE INDEX score_pending_reference ON score ("reference") WHERE "state" = 'pending' AND "reference" IS NOT NULL;
CREATE INDEX score_homeless ON score ("state", "at") WHERE "exchange_seq" IS NULL;
CREATE INDEX score_version ON score ("route", "version", "name");
CREATE INDEX score_said ON score ("at") WHERE "comment" IS NOT NULL OR ("data_type" = 'text' AND "text" IS NOT NULL);
-- Few callers name their requests; those who do look for them, or score them by that name.
CREATE INDEX exchange_reference ON exchange ("caller_request_id", "id") WHERE "caller_request_id" IS NOT NULL;
