"""Who is calling. Keys are known by hash and found in memory; nothing here asks a database."""
