-- What an attempt has cost that was paid for and not used: the loser of a race between two.
ALTER TABLE attempt ADD COLUMN "input_tokens" INTEGER;
ALTER TABLE attempt ADD COLUMN "output_tokens" INTEGER;
