-- Migrations only ever add (tables, nullable columns, indexes), so that the version before still reads and writes.
-- seq is the order of ingestion; ids are UUIDv7, so their order is the order of arrival.
CREATE TABLE exchange (
  seq INTEGER PRIMARY KEY,
  "id" TEXT NOT NULL UNIQUE,
  "at" REAL NOT NULL,
  "generation" INTEGER,
  "key" TEXT,
  "dialect" TEXT,
  "operation" TEXT,
  "method" TEXT,
  "path" TEXT,
  "peer" TEXT,
  "stream" INTEGER,
  "request_model" TEXT,
  "route" TEXT,
  "assigned_version" TEXT,
  "probability" REAL,
  "user" TEXT,
  "session" TEXT,
  "tags" TEXT, -- JSON object
  "user_agent" TEXT,
  "caller_request_id" TEXT,
  "idempotency_key" TEXT,
  "request_bytes" INTEGER,
  "status" INTEGER, -- NULL: no reply was made
  "end" TEXT NOT NULL,
  "phase" TEXT,
  "error_code" TEXT,
  "error_detail" TEXT,
  "served_version" TEXT,
  "duration_s" REAL,
  "first_token_s" REAL,
  "overhead_s" REAL,
  "input_tokens" INTEGER,
  "output_tokens" INTEGER,
  "cached_tokens" INTEGER,
  "cache_write_tokens" INTEGER,
  "reasoning_tokens" INTEGER,
  "usage_estimated" INTEGER,
  "finish_reason" TEXT,
  "response_model" TEXT,
  "response_id" TEXT,
  "fingerprint" TEXT,
  "reply_bytes" INTEGER,
  "parse_errors" INTEGER,
  "cost_usd" REAL, -- NULL: unknown
  "ended_at" REAL
) STRICT;

CREATE INDEX exchange_route ON exchange ("route", "id");
CREATE INDEX exchange_version ON exchange ("served_version", "id");
CREATE INDEX exchange_key ON exchange ("key", "id");
-- What went wrong is rare and looked for often: two small indexes instead of two large ones.
CREATE INDEX exchange_error_status ON exchange ("id") WHERE "status" >= 400;
CREATE INDEX exchange_unfinished ON exchange ("id") WHERE "end" <> 'completed';

CREATE TABLE attempt (
  exchange_seq INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  "backend" TEXT,
  "version" TEXT,
  "kind" TEXT,
  "offset_s" REAL,
  "reused" INTEGER,
  "connect_s" REAL,
  "first_byte_s" REAL,
  "total_s" REAL,
  "status" INTEGER,
  "result" TEXT,
  "detail" TEXT,
  PRIMARY KEY (exchange_seq, ordinal)
) STRICT, WITHOUT ROWID;

-- id is 4 * exchange.seq + kind: 0 request, 1 reply, 2 events. Thus a body needs no index.
CREATE TABLE body (
  id INTEGER PRIMARY KEY,
  media TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT,
  is_truncated INTEGER NOT NULL,
  codec TEXT, -- zstd (mostly with the dictionary store/bodies-1.zdict), plain, or NULL where there is no content
  content BLOB
) STRICT;

CREATE TABLE journal_position (
  incarnation TEXT PRIMARY KEY,
  segment INTEGER NOT NULL,
  "offset" INTEGER NOT NULL
) STRICT;

CREATE TABLE ledger (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL -- JSON
) STRICT;

-- The last seq given out, which outlives the rows: retention must not let a number come twice.
CREATE TABLE sequence (
  name TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT;
INSERT INTO sequence (name, last) VALUES ('exchange', 0);
