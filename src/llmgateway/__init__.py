"""A gateway that operates language models in production: serve, watch, guard, judge."""

__version__ = "0.1.0"
