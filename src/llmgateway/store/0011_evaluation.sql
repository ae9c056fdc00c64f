-- What people said is little beside what programs and judges say: agreement with them is looked up from their side.

CREATE INDEX score_human ON score ("name", "exchange_seq") WHERE "source_kind" = 'human' AND "is_current" = 1;
