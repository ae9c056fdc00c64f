-- IF NOT EXISTS, as for a day this migration had an earlier number: some stores have these tables already.
-- What versions are made of. seen_version says where each was first in force.
CREATE TABLE IF NOT EXISTS version_spec (
  "id" TEXT PRIMARY KEY, -- of the content
  spec TEXT NOT NULL, -- canonical JSON: what the id is the hash of
  size INTEGER NOT NULL
) STRICT;

-- What a version was in force under, from a generation on until the next row: a row where it differs from the one before.
CREATE TABLE IF NOT EXISTS version_terms (
  route TEXT NOT NULL,
  name TEXT NOT NULL,
  "id" TEXT NOT NULL,
  generation INTEGER NOT NULL,
  "at" REAL NOT NULL,
  author TEXT NOT NULL,
  terms TEXT NOT NULL, -- JSON object
  PRIMARY KEY (route, name, "id", generation)
) STRICT;

CREATE INDEX IF NOT EXISTS version_terms_id ON version_terms ("id");
CREATE INDEX IF NOT EXISTS seen_version_id ON seen_version ("id");

-- When a version last answered a caller.
CREATE TABLE IF NOT EXISTS version_served (
  route TEXT NOT NULL,
  name TEXT NOT NULL,
  "id" TEXT NOT NULL,
  "at" REAL NOT NULL,
  PRIMARY KEY (route, name, "id")
) STRICT;

-- What people say of a version: that changes, the version never does.
CREATE TABLE IF NOT EXISTS version_label (
  "id" TEXT NOT NULL,
  label TEXT NOT NULL,
  "value" TEXT NOT NULL,
  "at" REAL NOT NULL,
  author TEXT NOT NULL,
  PRIMARY KEY ("id", label)
) STRICT;

CREATE TABLE IF NOT EXISTS version_note (
  number INTEGER PRIMARY KEY,
  "id" TEXT NOT NULL,
  "at" REAL NOT NULL,
  author TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS version_note_id ON version_note ("id");
