-- The configuration's history. "text" is the operator's file as it was, secrets written out in it included: the store's
-- own file is its user's alone (mode 0600), and whoever shows a text masks it. "diff" is masked already.
CREATE TABLE generation (
  number INTEGER PRIMARY KEY,
  "at" REAL NOT NULL,
  author TEXT NOT NULL,
  reason TEXT NOT NULL,
  diff TEXT NOT NULL,
  text TEXT NOT NULL,
  size INTEGER NOT NULL, -- bytes of diff and text
  refused TEXT -- why it was taken back
) STRICT;

-- When a route's version, named by its content, was first in force.
CREATE TABLE seen_version (
  route TEXT NOT NULL,
  name TEXT NOT NULL,
  "id" TEXT NOT NULL,
  "at" REAL NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (route, name, "id")
) STRICT;
