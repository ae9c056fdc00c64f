"""Labelled texts, a scorer and a stopwatch for guardrails. Knows their port, and nothing of how any of them works."""
