"""Replies that repeat what the system prompt says: found by its letters, however they are dressed."""
