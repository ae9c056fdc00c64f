-- What guardrails said of an exchange: a row for each guardrail, stage and kind. Never what was found.
CREATE TABLE verdict (
  exchange_seq INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  "guardrail" TEXT,
  "plugin" TEXT,
  "version" TEXT,
  "stage" TEXT,
  "action" TEXT,
  "mode" TEXT,
  "kind" TEXT,
  "count" INTEGER,
  PRIMARY KEY (exchange_seq, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX verdict_guardrail ON verdict ("guardrail", "action");
CREATE INDEX verdict_action ON verdict ("action");
-- Errors are rare, and one kind of them is looked for: what a guardrail has refused.
CREATE INDEX exchange_error_code ON exchange ("error_code", "id") WHERE "error_code" IS NOT NULL;
