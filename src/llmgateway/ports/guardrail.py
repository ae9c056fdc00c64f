"""Port for guardrails: what looks for something in a text that is on its way to a model, or comes from one.

To add one: write `guardrails/<name>.py` with a class that has these members, name it in `plugins.py` (or in the
entry-point group `llmgateway.guardrail` of your own package), and add `tests/fixtures/guardrails/<name>.json`, texts
with something to find; the contract suite then runs over it, with every text cut at every place.

A guardrail is made once for each definition in the configuration, with that table's own settings. It does no I/O, keeps
nothing between calls, uses RE2 or plain string methods (never a backtracking engine: the text is a stranger's), and is
quick: it runs on the worker's event loop.
"""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final, Protocol

from llmgateway.domain.verdict import Finding
from llmgateway.wire.options import OptionError
from llmgateway.wire.view import CONTEXT, View

__all__ = ["MAX_OPEN", "REACH", "SIGNS", "Growing", "Guardrail", "OptionError"]

MAX_OPEN: Final = 256  # characters that may wait for what follows them
REACH: Final = MAX_OPEN + CONTEXT
MAX_GROWING: Final = 96  # characters of what waits without a look at it


SIGNS: Final = "".join(chr(each) for each in range(0x21, 0x7F) if chr(each) not in "\"'`\\")


class Growing(Enum):
    """What the end of a text may wholly consist of: letters and digits of ASCII, these and SIGNS, or kanji."""

    WORD = auto()
    SIGNS = auto()
    KANJI = auto()


class Guardrail(Protocol):
    """Finds spans of text, in whole texts and in streams.

    Streams are the reason for the last two members, and for two laws.

    - *What is far away does not matter*: what `find` gives from a place on is the same if the text begins no more than
      REACH characters before it, and `view.above` tells of tables which began before that (see `wire.rows`).
    - *What is settled stays so*: with `cut = settled(T)`, whatever follows T, `find` gives the same before `cut` as it
      gives of T, and none of that reaches over `cut`. `len(T) - cut` is at most MAX_OPEN, unless a finding of T reaches
      to its very end: then a stream shows that finding's replacement at once, and swallows what `continues` says still
      belongs to it.

    Who settles nothing of such an end of a text, whatever stands before it, may say so in a further member, `growing`,
    a collection of `Growing`: while nothing else comes, nobody is asked, and most of a stream's pieces cost nothing.
    """

    name: str
    version: str  # of its rules: stands beside every verdict, so change it when they change
    kinds: Sequence[str]  # every `Finding.kind` it can give

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the definition's settings; OptionError for what is unknown or wrong."""
        ...

    def find(self, view: View, start: int = 0) -> list[Finding]:
        """Give what begins at or after `start`, in order, not overlapping: a part of what the whole text gives."""
        ...

    def settled(self, view: View, start: int = 0) -> int:
        """How far, from `start` on, nothing that may follow the text can change what `find` gives."""
        ...

    def continues(self, kind: str, text: str) -> int:
        """How many of `text`'s first characters belong to a finding of `kind` that reached the end before it.

        `text` begins with the finding's own last characters, CONTEXT of them at most, which are counted too. Who needs
        another number of them has it in a further member, `tail`; MAX_OPEN is the most.
        """
        ...
