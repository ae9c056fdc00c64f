"""Drift: what comes of the log, version by version, against what it was at first. The arithmetic is `rollout/`'s."""
