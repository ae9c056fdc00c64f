"""What the commands of `llmgateway store` share."""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer

from llmgateway.wire.jsoncodec import encode


def opened(path: Path) -> sqlite3.Connection:
    """Open a store for reading, beside whoever writes it."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)


def say(facts: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print the facts for programs, or the sentence for people."""
    typer.echo(encode(facts).decode() if as_json else sentence)
