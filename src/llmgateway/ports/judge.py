"""Port for judges: what looks at whole texts and says how likely each is an attack, where no single span decides.

To add one: write `guardrails/<name>.py` (or a folder) with a class that has these members, name it under "judge" in
`plugins.py` (or in the entry-point group `llmgateway.judge` of your own package), and add
`tests/fixtures/judges/<name>.json`, texts with what must be found; the contract suite then runs over it.

Like a guardrail a judge is made once for each definition, does no I/O, keeps nothing between calls and never gives a
stranger's text to a backtracking engine. Unlike one it needs the text to its end: a stream is held until it was judged.
One that must ask somebody else is an `asking.AskingJudge`.

A judge of replies that must know what was asked has a member more, `bind`; see `binding`. What that gives is a judge of
one exchange's reply, or None. Where only some of a reply's texts are for it, it has a member `looks_at`, which is given
the path of each in the reply's JSON (empty for a text alone) and says so.

A judge has the member `locates`, which is true, if what it finds are places: then it gives all of them, not only the
surest of a kind, and they may be redacted, if it is heavy or asks somebody: what is quick and finds places is better a
`guardrail.Guardrail`. One whose findings are to be redacted unless the definition says otherwise has the member
`usual_action` beside it; others flag.

A judge of replies may have the member `complaint(text) -> str | None`: what the model is told that has answered `text`,
so that it may answer once more; None where there is nothing to complain of. Whole answers only, and only once.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from llmgateway.domain.verdict import Finding, Stage

SOURCES = ("system", "user", "assistant", "tool", "other")


class Piece(NamedTuple):
    """One text of an exchange and whose word it is: one of SOURCES; "tool" is anything fetched, found or retrieved."""

    text: str
    source: str


class Judged(NamedTuple):
    """What was found in `pieces[piece]`; the finding spans the whole of its text unless a part of it is to blame."""

    piece: int
    finding: Finding


class Judge(Protocol):
    """Scores whole texts. What it says of one piece depends at most on those right before it."""

    name: str
    version: str  # of its rules and weights: stands beside every verdict, so change it when they change
    kinds: Sequence[str]  # every `Finding.kind` it can give
    stages: Sequence[Stage]  # which it can judge
    is_heavy: bool  # it takes milliseconds: a process of its own runs it, within the definition's `timeout`

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the definition's settings; OptionError for what is unknown or wrong."""
        ...

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        """Give what reaches its threshold, in the order of the pieces; of a kind at most one finding for a piece.

        One that `locates` gives all.
        """
        ...


def surest(judged: Iterable[Judged]) -> list[Judged]:
    """Give the surest finding of each kind for each piece: by pieces, the surest first."""
    return _best(judged, lambda each: (each.piece, each.finding.kind))


def placed(judged: Iterable[Judged]) -> list[Judged]:
    """Give the surest finding of each kind for each place, in the same order."""
    return _best(judged, lambda each: (each.piece, each.finding._replace(score=1)))


def _best(judged: Iterable[Judged], what: Callable[[Judged], Hashable]) -> list[Judged]:
    best: dict[Hashable, Judged] = {}
    for each in judged:
        key = what(each)
        if key not in best or each.finding.score > best[key].finding.score:
            best[key] = each
    return sorted(best.values(), key=lambda each: (each.piece, -each.finding.score))
