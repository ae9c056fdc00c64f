"""A conversation that goes on: what was answered, and what is said to that."""

from collections.abc import Mapping
from typing import Any


def continued(document: Mapping[str, Any], member: str, answer: str, said: str) -> dict[str, Any] | None:
    """The request with two turns more in its list of messages; None where it has none. A text is a user's message."""
    messages = document.get(member)
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if not isinstance(messages, list):
        return None
    turns = [{"role": "assistant", "content": answer}, {"role": "user", "content": said}]
    return {**document, member: [*messages, *turns]}
