"""How a user or session whose name may not be stored is told from others, and found again by who knows the name."""

import hashlib
from typing import Final

MARK: Final = "~"
MARK_LENGTH: Final = 9


def mark_of(name: str) -> str:
    """The end of a pseudonym: `~` and a part of the name's hash, `MARK_LENGTH` characters."""
    return MARK + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[: MARK_LENGTH - 1]
