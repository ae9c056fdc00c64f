"""Where scores are cut."""

from typing import Final

FLAG: Final = 0.5
BLOCK: Final = 0.8
STRICT: Final = 0.35
