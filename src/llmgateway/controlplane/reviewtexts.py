"""What a reviewer reads of an exchange: the texts of its stored bodies, which is what guardrails have left of them.

The name of the model that answered stands in no answer that is shown, whoever says it: who reviews a pair may not know
which side is which.
"""

import asyncio
import re
from collections import Counter
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
MAX_NODES: Final = 20_000  # of a request that are looked at for what is no text
LEAST_NAME: Final = 4  # characters of a model's name: what is shorter may be a word
_PART: Final = re.compile(r"[^\W_]+")
_DATE: Final = re.compile(r"[-_@:](?:\d{4}-\d\d-\d\d|\d{6,8}|latest|preview)$", re.IGNORECASE)
_BETWEEN: Final = r"[-_.:\s\u2010\u2011]?"
_ATTACHED: Final = frozenset(
    ("audio", "document", "file", "image", "image_url", "input_audio", "input_file", "input_image", "video_url")
)
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


class _Kept(NamedTuple):
    """What the log has of an exchange. `model`: what the backend calls the model that answered."""

    bodies: Mapping[str, Body]
    model: str | None = None


async def shown(store: StoreReader, item: Item) -> Shown:
    """Read what an item is about. What is not kept any more is an empty list."""
    both = {each: await _kept(store, each) for each in (item.exchange_id, item.other_id) if each is not None}
    return await asyncio.to_thread(_shown, item, both)


def _shown(item: Item, both: Mapping[str, _Kept]) -> Shown:
    asked = next(filter(None, map(_asked, both.values())), [])  # a copy's request is its primary's, and kept there
    answered = [item.exchange_id] if item.other_id is None else [exchange_on(item, side) for side in SIDES]
    names = _names([kept.model for kept in both.values()])
    return Shown(asked, [_nameless(_answer(both[each]), names) for each in answered])


def _names(models: Sequence[str | None]) -> re.Pattern[str] | None:
    """What finds the names of models that answered, the longest first; None where none is long enough to be one."""
    known = [each for each in models if each and len(each) >= LEAST_NAME]
    found = {each: re.escape(each) for each in known}
    for parts in filter(None, map(_spoken, known)):
        found["-".join(parts)] = _BETWEEN.join(map(re.escape, parts))
    longest_first = sorted(found, key=len, reverse=True)
    return re.compile("|".join(found[each] for each in longest_first), re.IGNORECASE) if found else None


def _spoken(name: str) -> list[str]:
    """The words of a name as the model itself says it: without who hosts it and without its date, Claude Sonnet 4.5.
    None where that could be any word.
    """
    parts = _PART.findall(_DATE.sub("", name.rpartition("/")[2]))
    whole = "".join(parts)
    is_name = len(whole) >= LEAST_NAME and (len(parts) > 1 or any(map(str.isdigit, whole)))
    return parts if is_name else []


def _nameless(answer: Sequence[Said], names: re.Pattern[str] | None) -> Sequence[Said]:
    """An answer in which a model does not say who it is."""
    return answer if names is None else [said._replace(text=names.sub("…", said.text)) for said in answer]


async def _kept(store: StoreReader, exchange_id: str) -> _Kept:
    row = await store.exchange(exchange_id)
    if row is None:
        return _Kept({})
    bodies = (await store.bodies([row["seq"]])).get(row["seq"], [])
    return _Kept({body.kind: body for body in bodies}, row["response_model"])


def _asked(kept: _Kept) -> list[Said]:
    found = _document(kept.bodies.get("request"))
    if isinstance(found, dict):
        said = [Said(piece.source, piece.text[:MAX_TEXT]) for piece in pieces_of(found)]
        return [*said[-MAX_TEXTS:], *_attached(found)]
    return [] if found is None else [Said("other", found)]


def _attached(request: dict[str, Any]) -> list[Said]:
    """What was asked and is no text: a reader has to know that it was there. Kinds and numbers alone."""
    counts: Counter[str] = Counter()
    waiting: list[Any] = [request]
    for _ in range(MAX_NODES):
        if not waiting:
            break
        node = waiting.pop()
        if isinstance(node, dict):
            kind = node.get("type")
            counts.update([kind] if isinstance(kind, str) and kind in _ATTACHED else [])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    told = ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items()))
    return [Said("other", f"[{told}]")] if told else []


def _answer(kept: _Kept) -> list[Said]:
    found = _document(kept.bodies.get("reply"))
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
