"""Anthropic's API as a backend. One file a family of operations."""
