"""How it is known that an answer ended where its room did, and not where it was over."""

from typing import Final

CUT_OFF: Final = frozenset({"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded", "incomplete"})
"""Finish reasons that say so, of all providers."""
