"""The databases that the journal is ingested into. They know ports and domain, and nothing of journals or requests."""
