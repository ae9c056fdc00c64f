-- As what the backends of a version have answered: which model they name, and which fingerprint.
CREATE TABLE fingerprint (
  "version_id" TEXT NOT NULL,
  "backend" TEXT NOT NULL,
  "asked" TEXT NOT NULL, -- the caller's model, where the version names none; else empty
  "facet" TEXT NOT NULL,
  "value" TEXT NOT NULL,
  "at" REAL NOT NULL,
  PRIMARY KEY ("version_id", "backend", "asked", "facet", "value")
) STRICT;
