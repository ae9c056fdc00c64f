"""A JSON body on its way through a chain: every string in it is judged, and those with findings are said otherwise.

Which member a string is in does not matter: what a model might read is judged, wherever it stands. Left out are what
only programs read (roles, types, ids in replies: short words) and files in base64. JSON inside a string, as in the
arguments of calls, is looked into.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Final

from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.chain import Chain, Hit, blocking, united
from llmgateway.guarding.holdback import Blocked, HoldBack, joined
from llmgateway.guarding.jsonhold import JsonHoldBack
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.jsontexts import FILE, WORD, Literal, at_a_glance, literals, rewritten
from llmgateway.wire.view import SEPARATOR, View

MAX_NESTED: Final = 3  # JSON in a string in JSON …
_OF_PROGRAMS: Final = frozenset({b"role", b"type", b"object"})
_IDS: Final = frozenset(
    {b"id", b"model", b"item_id", b"call_id", b"tool_call_id", b"response_id", b"system_fingerprint", b"obfuscation"}
)
_SKIPPED: Final[Mapping[Stage, frozenset[bytes]]] = {
    Stage.REQUEST: _OF_PROGRAMS,
    Stage.REPLY: _OF_PROGRAMS | _IDS,
}
_OF_FILES: Final = frozenset({b"data", b"file_data", b"b64_json", b"encrypted_content", b"signature", b"url"})
_BASE64: Final = bytes.maketrans(b"+/=-_", b"aaaaa")


class Sieve:
    """One exchange's bodies before one chain. `judge` may be called for each of them."""

    __slots__ = ("_chain", "_notes", "_placeholders", "_skipped", "_stage")

    def __init__(self, chain: Chain, stage: Stage, notes: Notes, placeholders: Placeholders) -> None:
        self._chain = chain
        self._stage = stage
        self._notes = notes
        self._placeholders = placeholders
        self._skipped = _SKIPPED[stage]

    def json(self, body: bytes, depth: int = 0) -> bytes:
        """Judge a valid document; gives it with what must be redacted replaced. Blocked where it may not pass."""
        glance = at_a_glance(body, self._skipped, _OF_FILES)
        if glance is not None and not self._chain.hits(View(glance)):
            return body
        found = literals(body)
        said: dict[int, str] = {}
        indices: list[int] = []
        for index, literal in enumerate(found):
            if self._is_skipped(literal):
                continue
            if depth < MAX_NESTED and literal.text.lstrip()[:1] in {"{", "["}:
                text = self._nested(literal.text, depth)
                if text is not None:
                    if text != literal.text:
                        said[index] = text
                    continue
            indices.append(index)
        self._judge_texts(found, indices, said)
        return rewritten(body, said, found) if said else body

    def text(self, text: str) -> str:
        """Judge a text that stands for itself."""
        return _replaced(text, self._redactions(View(text)), self._placeholders)

    def _nested(self, text: str, depth: int) -> str | None:
        """Judge JSON inside a string, numbers too; None where it is none."""
        body = text.encode()
        try:
            decode(body)
        except JsonError:
            return None
        text = self.json(body, depth + 1).decode()
        if not self._is_clean_beside_names(text):
            self._notes.has_found = True
            if self._chain.enforced:
                return self._again(text, self._chain, self._notes)
        return text

    def _is_clean_beside_names(self, text: str) -> bool:
        """Whether nobody, those who only look included, finds more where a value stands beside its name."""
        seen = Notes()
        everybody = Chain(replace(link, action=Action.REDACT, mode=Mode.ENFORCE) for link in self._chain.links)
        self._again(text, everybody, seen)
        return not seen.has_found

    def _again(self, text: str, chain: Chain, notes: Notes) -> str:
        hold = JsonHoldBack(lambda context: HoldBack(chain, notes, self._placeholders, self._stage, context))
        return joined([*hold.feed(text), *hold.finish()])

    def _is_skipped(self, literal: Literal) -> bool:
        text, name = literal.text, literal.name
        if name in self._skipped and len(text) <= WORD and _is_word(text):
            return True
        return len(text) > FILE and name in _OF_FILES and _is_file(text)

    def _judge_texts(self, found: list[Literal], indices: list[int], said: dict[int, str]) -> None:
        """Judge these strings in one go: a guardrail costs more to call than to run."""
        texts = [found[index].text for index in indices]
        hits = self._redactions(View(SEPARATOR.join(texts)))
        if not hits:
            return
        starts = [0, *accumulate(len(text) + 1 for text in texts)]
        by_text: dict[int, list[Hit]] = {}
        for hit in hits:
            at = bisect_right(starts, hit.start) - 1
            by_text.setdefault(at, []).append(hit._replace(start=hit.start - starts[at], end=hit.end - starts[at]))
        for at, own in by_text.items():
            said[indices[at]] = _replaced(texts[at], own, self._placeholders)

    def _redactions(self, view: View) -> list[Hit]:
        hits = self._chain.hits(view)
        if not hits:
            return hits
        self._notes.add(self._stage, hits)
        blocked = blocking(hits)
        if blocked is not None:
            raise Blocked(blocked)
        return united(hit for hit in hits if hit.link.is_enforced and hit.link.action is Action.REDACT)


def _replaced(text: str, hits: list[Hit], placeholders: Placeholders) -> str:
    pieces: list[str] = []
    at = 0
    for hit in hits:
        pieces += (text[at : hit.start], placeholders.stand_in(hit, text[hit.start : hit.end]))
        at = hit.end
    pieces.append(text[at:])
    return "".join(pieces)


def _is_word(text: str) -> bool:
    return text.isascii() and text.replace("_", "a").replace("-", "a").replace(".", "a").isalnum()


def _is_file(text: str) -> bool:
    """Whether it is a file in base64, or a data URL with one that is no text: no guardrail for texts could judge it."""
    head, comma, _ = text[:200].partition(",")
    if text.startswith("data:") and comma:
        if not head.endswith(";base64") or head.startswith("data:text"):
            return False
        text = text[len(head) + 1 :]
    return text.isascii() and text.encode().translate(_BASE64).isalnum()
