"""What a reviewer reads of an exchange: the texts of its stored bodies, which is what guardrails have left of them.

Names of models and versions stand in no text that is shown: who reviews a pair may not know which side is which.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import re2

from llmgateway.domain.review import Item
from llmgateway.guarding.pieces import pieces_of, texts_of_reply
from llmgateway.ports.store import Body, StoreReader
from llmgateway.review.verdicts import SIDES, exchange_on
from llmgateway.wire.jsoncodec import JsonError, decode

MAX_TEXT: Final = 20_000  # characters of each
MAX_TEXTS: Final = 100  # of a request, the last
_MODEL: Final = re2.compile(r'("(?:model|system_fingerprint|id)"\s*:\s*")[^"]*')


class Said(NamedTuple):
    """One text, and whose word it is."""

    source: str
    text: str


class Shown(NamedTuple):
    """An item as it is read: what was asked, and the answer, or a pair's two in the order of their sides."""

    asked: Sequence[Said]
    answers: Sequence[Sequence[Said]]

    def told(self) -> dict[str, Any]:
        """As JSON."""
        answers = [[said._asdict() for said in answer] for answer in self.answers]
        asked = [said._asdict() for said in self.asked]
        sides = dict(zip(SIDES, answers, strict=True)) if len(answers) > 1 else {"answer": answers[0]}
        return {"asked": asked, **sides}


async def shown(store: StoreReader, item: Item) -> Shown:
    """Read what an item is about. What is not kept any more is an empty list."""
    if item.other_id is None:
        one = await _bodies(store, item.exchange_id)
        return await asyncio.to_thread(lambda: Shown(_asked(one), [_answer(one)]))
    both = {each: await _bodies(store, each) for each in (item.exchange_id, item.other_id)}
    return await asyncio.to_thread(_pair, item, both)


def _pair(item: Item, both: Mapping[str, dict[str, Body]]) -> Shown:
    asked = next(filter(None, map(_asked, both.values())), [])  # a copy's request is its primary's, and kept there
    return Shown(asked, [_answer(both[exchange_on(item, side)]) for side in SIDES])


async def _bodies(store: StoreReader, exchange_id: str) -> dict[str, Body]:
    row = await store.exchange(exchange_id)
    if row is None:
        return {}
    return {body.kind: body for body in (await store.bodies([row["seq"]])).get(row["seq"], [])}


def _asked(bodies: dict[str, Body]) -> list[Said]:
    found = _document(bodies.get("request"))
    if isinstance(found, dict):
        said = [Said(piece.source, piece.text[:MAX_TEXT]) for piece in pieces_of(found)]
        return said[-MAX_TEXTS:]
    return [] if found is None else [Said("other", found)]


def _answer(bodies: dict[str, Body]) -> list[Said]:
    found = _document(bodies.get("reply"))
    if isinstance(found, dict):
        return [Said(said.piece.source, said.piece.text[:MAX_TEXT]) for said in texts_of_reply(found)][:MAX_TEXTS]
    return [] if found is None else [Said("assistant", found)]


def _document(body: Body | None) -> dict[str, Any] | str | None:
    """A body as JSON, or else as text; None where nothing of it is kept."""
    if body is None or not body.content:
        return None
    try:
        found = decode(body.content)
    except JsonError:
        found = None
    if isinstance(found, dict):
        return found
    text = body.content[: 4 * MAX_TEXT].decode("utf-8", "replace")[:MAX_TEXT]
    return str(_MODEL.sub(r"\1…", text))
