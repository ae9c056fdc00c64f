"""Replays: what was tried on which dataset, and every pair. Who runs one writes it down here, and goes on from it."""

import dataclasses
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from aiohttp import web

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.asking import author, json_of
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError, sentence
from llmgateway.controlplane.replies import reply
from llmgateway.domain.clock import Clock
from llmgateway.domain.ids import IdMint
from llmgateway.ports.datasets import MAX_ITEMS, MAX_PAIR_BYTES, DatasetMissingError, ReplayRecord
from llmgateway.ports.store import Store
from llmgateway.replaying.pairs import Pair
from llmgateway.replaying.stopping import Ended
from llmgateway.rollout.pairs import Verdict
from llmgateway.wire.jsoncodec import decode, encode

MAX_BATCH: Final = 100
_WORD: Final = {"type": "string", "minLength": 1, "maxLength": 500}
_WORDS: Final = ("dataset", "route", "candidate", "baseline")

BEGIN: Final = Body(
    "application/json",
    "What is compared on what.",
    32 * 1024,
    {
        "type": "object",
        "required": [*_WORDS, "dataset_version"],
        "properties": {
            **dict.fromkeys(_WORDS, _WORD),
            "dataset_version": {"type": "integer"},
            "plan": {"type": "object"},
        },
        "additionalProperties": False,
    },
)
PAIRS: Final = Body(
    "application/json",
    f"At most {MAX_BATCH} pairs, and what all of the replay has cost.",
    MAX_BATCH * MAX_PAIR_BYTES,
    {
        "type": "object",
        "required": ["pairs", "cost_usd"],
        "properties": {
            "pairs": {"type": "array", "maxItems": MAX_BATCH, "items": {"type": "object"}},
            "cost_usd": {"type": "number", "minimum": 0},
        },
        "additionalProperties": False,
    },
)
END: Final = Body(
    "application/json",
    "Why it stopped, and what was found; both null: it goes on.",
    1024,
    {
        "type": "object",
        "properties": {
            "ended": {"type": ["string", "null"], "enum": [*Ended, None]},
            "verdict": {"type": ["string", "null"], "enum": [*Verdict, None]},
        },
        "additionalProperties": False,
    },
)
_LATEST: Final = (Param("limit", Kind.WHOLE, "How many at most.", default=50, low=1, high=1_000),)
_PAGE: Final = (
    Param("after", Kind.WHOLE, "Only pairs behind this ordinal: `next` of the page before.", high=10**9),
    Param("limit", Kind.WHOLE, "How many at most.", default=500, low=1, high=1_000),
)


def endpoints(store: Store, snapshot: Callable[[], Snapshot], clock: Clock) -> Routes:
    """The family's part of the table."""
    family = _ReplaysFamily(store, snapshot, clock)
    path = "/admin/v1/replays"
    missing = {404: "There is no such replay."}
    wrong = {422: "Something in the body is not as it should be."}
    return {
        ("GET", path): Endpoint(family.every, is_query=True, summary="Replays, the newest first.", query=_LATEST),
        ("GET", f"{path}/{{id}}"): Endpoint(
            family.one, is_query=True, summary="One replay.", query=(), answers={200: "The replay.", **missing}
        ),
        ("GET", f"{path}/{{id}}/pairs"): Endpoint(
            family.pairs,
            is_query=True,
            summary="How both versions did, item by item; nothing of what was said.",
            query=_PAGE,
            answers={200: "A page; `next` asks for the one after.", **missing},
        ),
        ("POST", path): Endpoint(
            family.begin,
            is_query=True,
            summary="Begin a replay.",
            query=(),
            body=BEGIN,
            answers={200: "The replay.", **wrong},
        ),
        ("POST", f"{path}/{{id}}/pairs"): Endpoint(
            family.add,
            is_query=True,
            summary="Note pairs that are done; one that is there already stays as it is.",
            query=(),
            body=PAIRS,
            answers={200: "How many came.", 409: "The versions are others than when it began.", **missing, **wrong},
        ),
        ("POST", f"{path}/{{id}}/end"): Endpoint(
            family.end,
            is_query=True,
            summary="Note why a replay stopped, or that it goes on.",
            query=(),
            body=END,
            answers={200: "The replay.", **missing, **wrong},
        ),
    }


class _ReplaysFamily:
    def __init__(self, store: Store, snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self._store = store
        self._snapshot = snapshot
        self._clock = clock
        self._mint = IdMint(clock.time)

    async def every(self, asked: Asked) -> web.StreamResponse:
        found = await self._store.replays(limit=asked.query["limit"])
        return reply(200, {"replays": [shown_replay(each) for each in found]})

    async def one(self, asked: Asked) -> web.StreamResponse:
        return reply(200, {"replay": shown_replay(await self._found(asked))})

    async def pairs(self, asked: Asked) -> web.StreamResponse:
        after, limit = asked.query["after"], asked.query["limit"]
        replay = await self._found(asked)
        found = await self._store.replay_pairs(replay.id, after=-1 if after is None else after, limit=limit)
        told = [{"ordinal": ordinal} | decode(facts) for ordinal, facts in found]
        return reply(200, {"pairs": told, "next": found[-1][0] if len(found) == limit else None})

    async def begin(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, BEGIN)
        words = [sent.get(name) for name in _WORDS]
        version, plan = sent.get("dataset_version"), sent.get("plan", {})
        if not all(isinstance(each, str) and 0 < len(each) <= 500 for each in words) or type(version) is not int:
            raise RefusedError(422, "invalid_body", f"The body has to name {', '.join(_WORDS)} and dataset_version.")
        if not isinstance(plan, dict):
            raise RefusedError(422, "invalid_body", "plan has to be an object.")
        dataset, route, candidate, baseline = map(str, words)
        replay = ReplayRecord(
            self._mint(), self._clock.time(), author(asked), dataset, version, route, candidate, baseline, plan
        )
        of_candidate, of_baseline = self._hashes(replay)
        replay = dataclasses.replace(replay, candidate_hash=of_candidate, baseline_hash=of_baseline)
        await self._store.add_replay(replay)
        return reply(200, {"replay": shown_replay(replay)})

    async def add(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, PAIRS)
        pairs, cost = sent.get("pairs"), sent.get("cost_usd")
        if not isinstance(pairs, list) or len(pairs) > MAX_BATCH or not isinstance(cost, int | float) or cost < 0:
            raise RefusedError(422, "invalid_body", "The body has to hold pairs and cost_usd.")
        written = [_pair(each) for each in pairs]
        replay = await self._found(asked)
        began = (replay.candidate_hash, replay.baseline_hash)
        if None not in began and began != self._hashes(replay):
            raise RefusedError(
                409, "versions_changed", "The versions are others than when the replay began: begin a new one."
            )
        try:
            await self._store.add_pairs(asked.names["id"], written, float(cost))
        except DatasetMissingError as error:
            raise _missing(str(error)) from None
        return reply(200, {"added": len(written)})

    async def end(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, END)
        ended, verdict = sent.get("ended"), sent.get("verdict")
        if not (_is_one_of(ended, Ended) and _is_one_of(verdict, Verdict)):
            raise RefusedError(
                422, "invalid_body", f"ended is one of {', '.join(Ended)}; verdict of {', '.join(Verdict)}."
            )
        try:
            replay = await self._store.end_replay(asked.names["id"], ended, verdict)
        except DatasetMissingError as error:
            raise _missing(str(error)) from None
        return reply(200, {"replay": shown_replay(replay)})

    def _hashes(self, replay: ReplayRecord) -> tuple[str | None, str | None]:
        """What both versions are now, as their contents' ids; None for one that there is not."""
        route = self._snapshot().routes.get(replay.route)
        ids = {version.name: version.id for version in route.versions} if route is not None else {}
        return ids.get(replay.candidate), ids.get(replay.baseline)

    async def _found(self, asked: Asked) -> ReplayRecord:
        found = await self._store.replay(asked.names["id"])
        if found is None:
            raise _missing(f"there is no replay {asked.names['id'][:100]}")
        return found


def shown_replay(replay: ReplayRecord) -> dict[str, Any]:
    """A replay as JSON has it."""
    return {name: getattr(replay, name) for name in ReplayRecord.__slots__} | {"plan": dict(replay.plan)}


def _is_one_of(given: object, words: type[StrEnum]) -> bool:
    """Whether it is one of the words, or left out."""
    return given is None or (isinstance(given, str) and given in set(words))


def _missing(message: str) -> RefusedError:
    return RefusedError(404, "replay_not_found", sentence(message))


def _pair(sent: Any) -> tuple[int, bytes]:
    """A pair as it is kept: read and written again, so that nothing else comes in."""
    try:
        ordinal = range(MAX_ITEMS)[sent["ordinal"]]
        written = Pair.read(ordinal, encode({name: sent[name] for name in ("baseline", "candidate")})).written()
    except (LookupError, TypeError, ValueError, AttributeError):
        raise RefusedError(422, "invalid_body", "Each pair needs its ordinal and both sides.") from None
    if len(written) > MAX_PAIR_BYTES:
        raise RefusedError(422, "invalid_body", f"A pair has at most {MAX_PAIR_BYTES:,} bytes.")
    return ordinal, written
