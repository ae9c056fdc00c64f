-- The primary's id in the row of a copy. Such an id sorts by time, so one index finds pairs and pages through them.
ALTER TABLE exchange ADD COLUMN "shadow_of" TEXT;
CREATE INDEX exchange_shadow_of ON exchange ("shadow_of", "id") WHERE "shadow_of" IS NOT NULL;
