"""The append-only record of exchanges on local disk: the single source of truth for log, metrics and money."""
