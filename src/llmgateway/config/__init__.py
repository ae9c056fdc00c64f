"""Configuration: the file's schema, its loader, and the frozen snapshot that traffic sees."""
