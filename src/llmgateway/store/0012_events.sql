-- What the gateway did by itself, or noticed.
CREATE TABLE event (
  "id" TEXT PRIMARY KEY,
  "at" REAL NOT NULL,
  "kind" TEXT NOT NULL,
  "action" TEXT NOT NULL,
  "severity" TEXT NOT NULL,
  "text" TEXT NOT NULL,
  "route" TEXT,
  "version" TEXT,
  "backend" TEXT,
  "figures" TEXT NOT NULL, -- JSON object
  "undo" TEXT, -- JSON object: the act that takes it back
  "cleared_at" REAL,
  "undone_at" REAL,
  "undone_by" TEXT
) STRICT;

CREATE INDEX event_order ON event ("at", "id");
CREATE INDEX event_open ON event ("at", "id") WHERE "severity" = 'alarm' AND "cleared_at" IS NULL;
