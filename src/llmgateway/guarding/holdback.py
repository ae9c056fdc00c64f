"""What of a stream's text may go on: the longest beginning that no later character can turn into a finding.

Pure, and one for each text of a reply that grows (a choice's content, one call's arguments, …). Whatever the cuts, what
it gives adds up to what redacting the whole text gives.
"""

from typing import Final, NamedTuple

from llmgateway.domain.verdict import Stage
from llmgateway.guarding.chain import Chain, Hit, Link, blocking, united
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.ports.guardrail import MAX_OPEN, REACH
from llmgateway.wire.heads import NOTHING
from llmgateway.wire.rows import below
from llmgateway.wire.view import CONTEXT, View, fold, shown

_GIVEN_WAY: Final = 64  # characters kept when a guardrail breaks its law: nothing grows for ever


class Blocked(Exception):  # noqa: N818 - it is a verdict, no error
    """A text that may not pass. `hit` says why; the value is not in it."""

    def __init__(self, hit: Hit) -> None:
        self.hit = hit
        super().__init__(f"{hit.link.name}: {hit.kind}")


class Part(NamedTuple):
    """A piece of what goes on: `text`, which stands for `length` characters of what came."""

    text: str
    length: int
    is_replaced: bool = False


class HoldBack:
    """Feed it text, and pass on what it gives. `held` is what waits."""

    __slots__ = (
        *("_above", "_chain", "_context", "_is_early", "_notes", "_placeholders", "_stage", "_swallowing"),
        "held",
    )

    def __init__(
        self, chain: Chain, notes: Notes, placeholders: Placeholders, stage: Stage = Stage.REPLY, context: str = ""
    ) -> None:
        self._chain = chain
        self._notes = notes
        self._placeholders = placeholders
        self._context = context  # what has gone on, as it came: what follows is judged beside it
        self._above = NOTHING  # what is known of what stood before that
        self._stage = stage
        self._is_early = False  # something has gone on that was not settled
        self._swallowing: list[tuple[Hit, str]] = []  # with the end of what has been swallowed of it
        self.held = ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing that may follow could belong to what has gone on."""
        return not self._is_early

    def following(self) -> "HoldBack":
        """One for another text, which is read behind this one."""
        made = HoldBack(self._chain, self._notes, self._placeholders, self._stage, self._context)
        made._is_early, made._swallowing, made._above = self._is_early, self._swallowing, self._above
        return made

    def feed(self, text: str) -> list[Part]:
        """Take the next characters; raises Blocked before one of a forbidden text is given."""
        parts: list[Part] = []
        if self._swallowing:
            text = self._swallow(text, parts)
            if not text:
                return parts
        self.held += shown(text)
        if self._chain.is_growing(self.held):
            return parts
        view, start = View(self._context + self.held, self._above), len(self._context)
        cut = max(start, self._chain.settled(view, 0 if self._is_early else start))
        if cut > start or len(self.held) > MAX_OPEN:
            self._release(view, start, cut, parts)
        return parts

    def decide(self) -> list[Part]:
        """Give the rest, as if nothing followed; if something does, it is judged beside it still."""
        parts: list[Part] = []
        if self.held:
            view, start = View(self._context + self.held, self._above), len(self._context)
            found, size = self._found(view, start), len(view.text)
            self._pass(view, start, size, found, parts)
            self._is_early = True
            self._swallow_on(view, [hit for hit in found if hit.end == size])
        return parts

    def finish(self) -> list[Part]:
        """Nothing follows: give the rest."""
        return self.decide()

    def _swallow_on(self, view: View, hits: list[Hit]) -> None:
        """These reach the end: what goes on with them is swallowed."""
        self._swallowing = [(hit, _last(hit, view.text[hit.start :])) for hit in hits]

    def _swallow(self, text: str, parts: list[Part]) -> str:
        """Take what still belongs to a finding whose replacement has gone on; gives what does not."""
        size = max(0, *(_more(hit, last, text) for hit, last in self._swallowing))
        if size:
            parts.append(Part("", size, is_replaced=True))
            self._remember(text[:size])
        if size < len(text):
            self._swallowing = []
        else:
            self._swallowing = [(hit, _last(hit, last + text)) for hit, last in self._swallowing]
        return text[size:]

    def _release(self, view: View, start: int, cut: int, parts: list[Part]) -> None:
        found = self._found(view, start)
        hits, size, is_open = united(found), len(view.text), len(view.text) - cut > MAX_OPEN
        for hit in hits:
            if hit.start < cut < hit.end:  # another guardrail has settled what this one has not
                cut = hit.start
        if is_open:
            self._swallow_on(view, [hit for hit in found if hit.end == size])
            cut = size if self._swallowing else max([size - _GIVEN_WAY, *(hit.end for hit in hits)])
        self._pass(view, start, cut, found, parts)
        self._is_early = self._is_early and cut == start

    def _found(self, view: View, start: int) -> list[Hit]:
        """What is found from `start` on, and the rest of what began in a text that could not wait for it."""
        if not self._is_early:
            return self._chain.enforced_hits(view, start)
        hits = self._chain.enforced_hits(view)
        return [hit._replace(start=max(hit.start, start)) for hit in hits if hit.end > start]

    def _pass(self, view: View, start: int, cut: int, found: list[Hit], parts: list[Part]) -> None:
        """Give `text[start:cut]`, with what was found in it replaced."""
        found = [hit for hit in found if hit.start < cut]
        if found:
            self._notes.add(self._stage, found)
            blocked = blocking(found)
            if blocked is not None:
                raise Blocked(blocked)
        text, at = view.text, start
        for hit in united(found):
            if hit.start > at:
                parts.append(Part(text[at : hit.start], hit.start - at))
            value = text[hit.start : hit.end]
            parts.append(Part(self._placeholders.stand_in(hit, value), len(value), is_replaced=True))
            at = hit.end
        if cut > at:
            parts.append(Part(text[at:cut], cut - at))
        self.held = text[cut:]
        self._remember(text[start:cut])

    def _remember(self, text: str) -> None:
        before = self._context + text
        if len(before) > REACH:
            self._above = below(self._above, fold(before[:-REACH]))
        self._context = before[-REACH:]


def _more(hit: Hit, last: str, text: str) -> int:
    """How much of a text goes on with a finding that ends with `last`: its end may be written across two pieces."""
    return _link(hit).guardrail.continues(hit.kind, last + text) - len(last)


def _last(hit: Hit, text: str) -> str:
    return text[-getattr(hit.link.guardrail, "tail", CONTEXT) :]


def _link(hit: Hit) -> Link:
    assert isinstance(hit.link, Link)  # judges have no part in a stream
    return hit.link


def joined(parts: list[Part]) -> str:
    """The text that goes on."""
    return parts[0].text if len(parts) == 1 else "".join(part.text for part in parts)
