"""What judges have found in the texts of a body, and the body with it replaced.

A judge sees whole texts, each a string of the body or what a data URL holds, so its findings are put back by the text
that they are in: wherever that stands, they are replaced. A body with something that can't be put back does not pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Action, Stage
from llmgateway.guarding.chain import Hit, united
from llmgateway.guarding.encoded import encoded_texts
from llmgateway.guarding.pieces import is_of_programs
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.restore import placeholders_in
from llmgateway.guarding.standins import is_json, replaced, replaced_json, touched
from llmgateway.guarding.unread import arguments, is_inside
from llmgateway.ports.judge import Piece
from llmgateway.wire import jsonscan
from llmgateway.wire.jsoncodec import JsonError, decode, encode
from llmgateway.wire.jsontexts import Literal, literals, unescaped

_NOT_FOUND: Final = "A guardrail redacts something here that can't be replaced where it stands."

NOT_STORED: Final = encode({"not_stored": "a guardrail has found something that can't be replaced in it"})


class Places:
    """Collects what is found in the texts of one body, by those who find places."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._hits: dict[str, list[Hit]] = {}

    def __bool__(self) -> bool:
        return bool(self._hits)

    @property
    def must_redact(self) -> bool:
        """Whether something must be replaced before the body goes on."""
        return any(hit.link.redacts for hits in self._hits.values() for hit in hits)

    def add(self, piece: Piece, hit: Hit) -> None:
        """Take one finding."""
        self._hits.setdefault(piece.text, []).append(hit)

    def redacted(self, body: bytes, placeholders: Placeholders) -> bytes:
        """The body as it goes on. GatewayError guardrail_unsupported where that can't be."""
        hits = {text: [hit for hit in hits if hit.link.redacts] for text, hits in self._hits.items()}
        return self._without(body, {text: some for text, some in hits.items() if some}, placeholders)

    def masked(self, body: bytes, placeholders: Placeholders) -> bytes:
        """The body as it may be stored: without anything that was found, whatever follows from it."""
        hits = {text: [*map(_to_mask, hits)] for text, hits in self._hits.items()}
        try:
            return self._without(body, hits, placeholders)
        except GatewayError:
            return NOT_STORED

    def _without(self, body: bytes, hits: dict[str, list[Hit]], placeholders: Placeholders) -> bytes:
        left = {text: _otherwise(text, own, placeholders) for text, own in hits.items()}
        if not left:
            return body
        try:
            decode(body)
        except JsonError:
            written = body.decode("utf-8", "replace")
            text = unescaped(written)
            said, met = left.get(text, written).encode(), {text}
        else:
            edits, met = self._edits(body, left)
            said = jsonscan.replace(body, edits)
        if not met.issuperset(left):
            raise GatewayError("guardrail_unsupported", _NOT_FOUND)
        return said

    def _edits(self, body: bytes, said: Mapping[str, str]) -> tuple[list[jsonscan.Edit], set[str]]:
        """What to write where in a document; and which of the texts were met there."""
        strings: dict[int, tuple[Literal, str]] = {}
        met: set[str] = set()
        found = literals(body)
        given = arguments(body, found)
        for each in found:
            text = unescaped(each.text)
            if text in said and not each.is_name and not self._is_code(each, given):
                strings[each.start] = each, said[text]
                met.add(text)
        for one in encoded_texts(body, is_strict=False):
            text = unescaped(one.text)
            if text in said:
                at = one.literal.start
                again = one.saying(said[text])
                strings[at] = one.literal, again if at not in strings else ""  # found in both readings: nothing is left
                met.add(text)
        return [((each.start, each.end), encode(text)) for each, text in strings.values()], met

    def _is_code(self, literal: Literal, given: Sequence[jsonscan.Span]) -> bool:
        """Whether it is a word for programs, which no judge has seen."""
        if is_inside(given, literal.start):
            return False
        return is_of_programs(self._stage, literal.name.decode(), literal.text)


def _to_mask(hit: Hit) -> Hit:
    """The same of a link that redacts what is stored."""
    return hit if hit.link.redacts else hit._replace(link=replace(hit.link, action=Action.REDACT, restore=False))


def _otherwise(text: str, hits: Sequence[Hit], placeholders: Placeholders) -> str:
    """A text with hits replaced, but for the placeholders of values that are already."""
    apart = list(_beside(united(sorted(hits, key=_place)), list(placeholders_in(text, placeholders))))
    return (replaced_json if is_json(text) else replaced)(text, apart, placeholders)


def _place(hit: Hit) -> tuple[int, int]:
    return hit.start, -hit.end


def _beside(hits: Sequence[Hit], kept: Sequence[jsonscan.Span]) -> Iterator[Hit]:
    """What of hits lies outside of what is kept; both are in order."""
    for hit in hits:
        at = hit.start
        for start, end in touched(kept, hit):
            if start > at:
                yield hit._replace(start=at, end=start)
            at = end
        if at < hit.end:
            yield hit._replace(start=at)
