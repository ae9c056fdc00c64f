"""What a session's caller says: each event is judged by itself, as requests are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.judging import judge_all
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.restore import names_in
from llmgateway.guarding.sound import holder_of, is_unheard, sounds, taken_out
from llmgateway.guarding.steps import Complaints, Rules, Step
from llmgateway.guarding.watching import said
from llmgateway.guarding.whereabouts import senseless
from llmgateway.ports.judge import Piece
from llmgateway.wire.jsoncodec import decode, encode, unambiguous
from llmgateway.wire.jsonscan import parse_object
from llmgateway.wire.jsontexts import unescaped

MAX_ID: Final = 64
_WRAPPED: Final = (KeyError, IndexError, TypeError)


class Saying:
    """Judges one session's events of the caller's."""

    __slots__ = ("_asked", "_complaints", "_is_strict", "_notes", "_placeholders", "_restores", "_rules", "_tells")

    def __init__(self, rules: Rules, notes: Notes, placeholders: Placeholders, complaints: Complaints) -> None:
        self._rules = rules
        self._notes = notes
        self._placeholders = placeholders
        self._complaints = complaints
        self._tells = rules.tells or rules.has_slow
        self._asked: Sequence[Piece] = ()  # the texts of the last event, without sound
        self._restores = rules.restores or any(link.restore for link in rules.request.links)
        self._is_strict = rules.is_strict

    def take(self, message: bytes) -> Step:
        """Take a message."""
        about: str | None = None
        try:
            event = parse_object(message, max_depth=self._rules.max_depth, max_tokens=self._rules.max_tokens)
            about = _id(event)
            judged = self._judged(message, event)
            is_standing = self._tells and self._rules.shape.standing(event) is not None
            return Step(to_backend=[judged], texts=self._asked, about=about, is_standing=is_standing)
        except (Blocked, GatewayError) as verdict:
            return self._complaints.of(verdict, about)
        except _NoSound:
            return self._complaints.of_sound(about)

    def _judged(self, message: bytes, event: dict[str, Any]) -> bytes:
        message = unambiguous(message, event)
        paths = list(sounds(event)) if self._is_strict else []
        if not paths:
            return self._sifted(message, event)
        if not self._rules.passes_sound:
            raise _NoSound
        unheard = [path for path in paths if is_unheard(event, path)]
        taken = taken_out(event, unheard)
        made = decode(self._sifted(encode(event), event))
        try:
            for path, sound in zip(unheard, taken, strict=True):
                holder_of(made, path)[path[-1]] = sound
        except _WRAPPED:  # a name on the way there was replaced
            raise senseless() from None
        return encode(made)

    def _sifted(self, message: bytes, event: dict[str, Any]) -> bytes:
        rules = self._rules
        if self._restores:
            self._placeholders.avoid(names_in(unescaped(message.decode())))
        if rules.judges:
            judge_all(rules.judges, list(said(event)), Stage.REQUEST, self._notes)
        sifted = Sieve(rules.request, Stage.REQUEST, self._notes, self._placeholders, is_strict=True).json(message)
        if self._tells:
            self._asked = self._texts(event if sifted is message else decode(sifted))
        return sifted

    def _texts(self, event: dict[str, Any]) -> list[Piece]:
        """What an event says, but for sound."""
        if not self._is_strict:  # else what is left of it has been judged as a text
            taken_out(event, list(sounds(event)))
        return list(said(event))


class _NoSound(Exception):  # noqa: N818 - it is a verdict, no error
    """An event with sound, which is not taken."""


def _id(event: Mapping[str, Any]) -> str | None:
    """The caller's own name of its event, if it is a name."""
    found = event.get("event_id")
    return found if isinstance(found, str) and found.isprintable() and len(found) <= MAX_ID else None
