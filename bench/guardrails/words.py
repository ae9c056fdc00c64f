"""Lists of words that values are made of, from books/words.toml."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

WORDS: Final[Mapping[str, Any]] = tomllib.loads((Path(__file__).parent / "books" / "words.toml").read_text("utf-8"))
