"""What a held part of a session says, put together for judges; and its events without what they have found in it.

A text that came in pieces is put into the first of them, so that it stands somewhere as a whole: who gets the others
misses nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from llmgateway.guarding.holding import Entry
from llmgateway.guarding.pieces import Said, texts_of_reply
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.places import Places
from llmgateway.guarding.restore import restored_json
from llmgateway.guarding.sound import without_sound
from llmgateway.guarding.stream import Passed
from llmgateway.ports.session import SessionShape
from llmgateway.ports.shape import Slot
from llmgateway.wire.jsoncodec import decode, encode


def texts_of(entries: Iterable[Entry], shape: SessionShape) -> list[Said]:
    """Every text of these events once, with where it stands in a whole reply if it is told whole anywhere."""
    found: dict[str, Said] = {}
    events = _merged([decode(entry.passed.logged) for entry in entries if entry.is_asked], shape)
    for event in reversed([event for event in events if event is not None]):
        for said in texts_of_reply(shape.words(without_sound(event))):
            found.setdefault(said.piece.text, said)
    return [*found.values()]


def redacted(entries: Sequence[Entry], shape: SessionShape, places: Places, placeholders: Placeholders) -> list[Entry]:
    """The events without what is to be taken out of them. GatewayError guardrail_unsupported where that can't be."""
    asked = [entry for entry in entries if entry.is_asked]
    merged = _merged([decode(entry.passed.logged) for entry in asked], shape)
    body = encode([event for event in merged if event is not None])
    left = iter(decode(places.redacted(body, placeholders)))
    made: list[Entry] = []
    events = iter(merged)
    for entry in entries:
        if not entry.is_asked:
            made.append(entry)
        elif next(events) is not None:
            made.append(entry._replace(passed=_passed(entry.passed.name, next(left), placeholders)))
    return made


def _passed(name: bytes, event: Any, placeholders: Placeholders) -> Passed:
    logged = encode(event)
    return Passed(name, logged, restored_json(logged, placeholders))


def _merged(events: Sequence[dict[str, Any]], shape: SessionShape) -> list[dict[str, Any] | None]:
    """These events with each text in the first piece that says some of it; None in the place of the other pieces."""
    firsts: dict[tuple[Any, ...], Slot] = {}
    texts: dict[tuple[Any, ...], list[str]] = {}
    merged: list[dict[str, Any] | None] = []
    for event in events:
        pieces = shape.pieces(event)
        is_first = False
        for slot in pieces.slots:
            text = slot.holder[slot.key]
            texts.setdefault(slot.channel, []).append(text)
            slot.holder[slot.key] = ""
            if text and slot.channel not in firsts:
                firsts[slot.channel], is_first = slot, True
        merged.append(None if pieces.is_bare and pieces.slots and not is_first else event)
    for channel, slot in firsts.items():
        slot.holder[slot.key] = "".join(texts[channel])
    return merged
