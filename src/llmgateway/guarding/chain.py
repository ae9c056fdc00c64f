"""A route's guardrails in order: what they find in a text, and what follows from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

from llmgateway.domain.verdict import Action, Mode
from llmgateway.ports.guardrail import MAX_GROWING, SIGNS, Growing, Guardrail
from llmgateway.wire.jsontexts import USUAL
from llmgateway.wire.view import SEPARATOR, View

_STRICTNESS: Final = {action: at for at, action in enumerate(Action)}
_REMEMBERED: Final = 1024 + len(USUAL)
_SHORT: Final = 64  # characters of what is remembered
_FIRST_KANJI, _LAST_KANJI = "一鿿"
_FIRST: Final = 8  # texts of a body: what stands in every one stands at its head


class Named(Protocol):
    """A plug-in, whatever its kind."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Linked:
    """One plug-in as a route uses it. `name`: the operator's; `restore`: replies get the redacted values back.

    `is_silent`: it is there for what is stored, and nothing is told of it.
    `refusal`: what callers are told where it blocks, instead of an error.
    """

    name: str
    guardrail: Named
    action: Action
    mode: Mode = Mode.ENFORCE
    restore: bool = False
    is_silent: bool = False
    refusal: str | None = None

    @property
    def is_enforced(self) -> bool:
        """Whether it changes what passes: such links hold a stream back, others only look."""
        return self.mode is Mode.ENFORCE and self.action in {Action.REDACT, Action.BLOCK}

    @property
    def redacts(self) -> bool:
        """Whether what it finds is replaced."""
        return self.mode is Mode.ENFORCE and self.action is Action.REDACT


@dataclass(frozen=True, slots=True)
class Link(Linked):
    """One guardrail that finds spans. `is_bound`: it is one exchange's own."""

    guardrail: Guardrail
    is_bound: bool = False


class Hit(NamedTuple):
    """What a link found: `text[start:end]`."""

    start: int
    end: int
    link: Linked
    kind: str
    score: float


class Chain:
    """Links in order. Stateless: one for all exchanges of a route, or for one exchange where some are bound to it.

    `clean`: short texts, as JSON has them, in which nothing is.
    `echo`: the instructions that the exchange began with; where an API repeats them, bound links do not look.
    """

    __slots__ = ("_growing", "_is_of_one_exchange", "clean", "echo", "enforced", "links")

    def __init__(self, links: Iterable[Link], echo: str = "") -> None:
        self.echo = echo
        self.links: tuple[Link, ...] = tuple(links)
        self.enforced: tuple[Link, ...] = tuple(link for link in self.links if link.is_enforced)
        self.clean: frozenset[bytes] | set[bytes] = USUAL
        growing = {each for link in self.enforced for each in getattr(link.guardrail, "growing", ())}
        self._growing = tuple(each in growing for each in Growing)
        self._is_of_one_exchange = any(link.is_bound for link in self.links)

    def __bool__(self) -> bool:
        return bool(self.links)

    @property
    def observing(self) -> "Chain":
        """All of it, so that it only looks."""
        return Chain(replace(link, mode=Mode.OBSERVE) if link.is_enforced else link for link in self.links)

    @property
    def unbound(self) -> "Chain":
        """Those of it that know nothing of the request."""
        return Chain(link for link in self.links if not link.is_bound)

    def bound(self, made: Mapping[int, Guardrail | None], echo: str) -> "Chain":
        """One exchange's own: what was `made` stands in the place of the plug-in with that id, or nothing does."""
        found = ((link, made.get(id(link.guardrail), link.guardrail)) for link in self.links)
        links = (
            link if guardrail is link.guardrail else replace(link, guardrail=guardrail, is_bound=True)
            for link, guardrail in found
            if guardrail is not None
        )
        return Chain(links, echo)

    @property
    def refuses(self) -> bool:
        """Whether one of them may have to end a stream with words of its own."""
        return any(link.refusal is not None for link in self.enforced)

    def remember(self, texts: str) -> None:
        """Short ones of these texts, with separators between, need not be looked at again: nothing is in them.

        Names of models come with each body, and have dates in them.
        """
        if self._is_of_one_exchange:
            return
        known = self.clean
        if isinstance(known, frozenset) or len(known) >= _REMEMBERED:
            known = self.clean = set(USUAL)
        known.update(text.encode() for text in texts.split(SEPARATOR, _FIRST)[:_FIRST] if len(text) <= _SHORT)

    def hits(self, view: View, start: int = 0) -> list[Hit]:
        """All that all links find from `start` on, by place."""
        return _hits(self.links, view, start)

    def enforced_hits(self, view: View, start: int = 0) -> list[Hit]:
        """The same, of the links that change what passes."""
        return _hits(self.enforced, view, start)

    def settled(self, view: View, start: int) -> int:
        """How far nothing that may follow changes what an enforced link finds; `start` where one settles nothing."""
        cut = len(view.text)
        for link in self.enforced:
            at = link.guardrail.settled(view, start)
            if at <= start:
                return start
            cut = min(cut, at)
        return cut

    def is_growing(self, text: str) -> bool:
        """Whether one of them settles nothing of a text's end that this is, so that none need be asked."""
        words, signs, kanji = self._growing
        if len(text) > MAX_GROWING:
            return False
        if text.isascii():
            return (words and text.isalnum()) or (signs and text != "" and not text.strip(SIGNS))
        return kanji and min(text) >= _FIRST_KANJI and max(text) <= _LAST_KANJI


def _hits(links: Sequence[Link], view: View, start: int) -> list[Hit]:
    found: list[Hit] = []
    for link in links:
        for start_, end, kind, score in link.guardrail.find(view, start):
            found.append(Hit(start_, end, link, kind, score))
    if len(links) > 1:
        found.sort(key=_place)
    return found


def _place(hit: Hit) -> tuple[int, int]:
    return hit.start, -hit.end


def blocking(hits: Iterable[Hit]) -> Hit | None:
    """The first hit whose link blocks."""
    return next((hit for hit in hits if hit.link.action is Action.BLOCK and hit.link.is_enforced), None)


def united(hits: Iterable[Hit]) -> list[Hit]:
    """Overlapping hits become one, from the first one's start to the last one's end.

    It is named after the strictest of them, and of equals after the longest.
    """
    found: list[Hit] = []
    for hit in hits:
        if found and hit.start < found[-1].end:
            last = found[-1]
            weightier = max(last, hit, key=_weight)
            found[-1] = weightier._replace(start=last.start, end=max(last.end, hit.end))
        else:
            found.append(hit)
    return found


def _weight(hit: Hit) -> tuple[int, int]:
    return _STRICTNESS[hit.link.action], hit.end - hit.start


def strictest(hits: Iterable[Hit]) -> Action:
    """What is done about a text with these hits."""
    actions = (hit.link.action if hit.link.mode is Mode.ENFORCE else Action.ALLOW for hit in hits)
    return max(actions, key=_STRICTNESS.__getitem__, default=Action.ALLOW)
