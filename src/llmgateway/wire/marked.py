"""Texts between marks that they cannot hold, so that a model which judges them can tell them from what it is told."""

from collections.abc import Sequence
from hashlib import sha256

from llmgateway.wire.jsoncodec import encode


def mark_of(texts: Sequence[tuple[str, str]]) -> str:
    """Give a word that these cannot hold, each text behind its title or source: nobody can write a text around its own
    digest. Always the same.
    """
    return sha256(encode(list(map(list, texts)))).hexdigest()[:32]


def marked(mark: str, title: str, text: str) -> str:
    """Put a text between its marks."""
    return f"begin {mark} {title}\n{text}\nend {mark}"
