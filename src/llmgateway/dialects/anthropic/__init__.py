"""Anthropic's API as callers speak it."""
