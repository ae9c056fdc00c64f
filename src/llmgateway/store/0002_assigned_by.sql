-- Why the version was assigned: 'split', 'rule:NAME', 'pin' or 'home'.
ALTER TABLE exchange ADD COLUMN "assigned_by" TEXT;
