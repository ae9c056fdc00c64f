"""Datasets: begun, filled, sealed, read, priced and erased. Whoever fills one has the items from the log or a file."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from llmgateway.config.snapshot import Route, Snapshot, Version
from llmgateway.controlplane.asking import author, json_of
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.estimating import Estimate, Estimator, add
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError, ever_a_route, route_named, sentence
from llmgateway.controlplane.replies import reply
from llmgateway.domain.clock import Clock
from llmgateway.domain.ids import is_exchange_id
from llmgateway.ports.datasets import MAX_ITEM_BYTES, MAX_ITEMS, Dataset, DatasetError, DatasetItem, DatasetMissingError
from llmgateway.ports.store import Store
from llmgateway.replaying.items import BadItemError, ContentHash, read_item, shown
from llmgateway.wire.jsoncodec import encode

MAX_NAME: Final = 100
MAX_BATCH: Final = 100
MAX_BUILT: Final = 16 * 1024
PAGE_BYTES: Final = 4 * 1024 * 1024
_LARGEST: Final = 10**9

BEGIN: Final = Body(
    "application/json",
    "Its name, the route its items are for, and how it was built.",
    32 * 1024,
    {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
            "route": {"type": "string"},
            "built": {"type": "object"},
        },
        "additionalProperties": False,
    },
)
ITEMS: Final = Body(
    "application/json",
    f"At most {MAX_BATCH} items, each with a request and its ordinal.",
    4 * MAX_ITEM_BYTES + 64 * 1024,
    {
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "maxItems": MAX_BATCH, "items": {"type": "object"}}},
        "additionalProperties": False,
    },
)
ERASE: Final = Body(
    "application/json",
    "Either `exchange_id`, or `name` and `version`.",
    4 * 1024,
    {
        "type": "object",
        "properties": {
            "exchange_id": {"type": "string", "format": "uuid"},
            "name": {"type": "string"},
            "version": {"type": "integer"},
        },
        "additionalProperties": False,
    },
)
_PATH: Final = "/admin/v1/datasets"
_ONE: Final = f"{_PATH}/{{name}}/{{version}}"
_MISSING: Final = {404: "There is no such dataset or version."}
_FULL: Final = {
    409: "The version is sealed, or there is no room.",
    422: "Something in the body is not as it should be.",
}
_NAMED: Final = (Param("name", Kind.TEXT, "Only the versions of this name.", high=MAX_NAME),)
_PAGE: Final = (
    Param("after", Kind.WHOLE, "Only items behind this ordinal: `next` of the page before.", high=_LARGEST),
    Param("limit", Kind.WHOLE, "How many at most.", default=100, low=1, high=1_000),
)
_PRICED: Final = (
    Param("route", Kind.TEXT, "The route they are put to."),
    Param("candidate", Kind.TEXT, "The version that is tried."),
    Param("baseline", Kind.TEXT, "The one that it is compared with; the heaviest without it."),
    Param("limit", Kind.WHOLE, "The first so many items.", default=MAX_ITEMS, low=1, high=MAX_ITEMS),
)


def endpoints(store: Store, snapshot: Callable[[], Snapshot], clock: Clock) -> Routes:
    """The family's part of the table."""
    family = _DatasetsFamily(store, snapshot, clock)
    return {**_reading(family), **_writing(family)}


def _reading(family: "_DatasetsFamily") -> Routes:
    path, one, missing = _PATH, _ONE, _MISSING
    return {
        ("GET", path): Endpoint(
            family.every,
            is_query=True,
            summary="Datasets, every version with its content hash.",
            query=_NAMED,
            answers={200: "The versions, by name, the newest first."},
        ),
        ("GET", f"{one}/items"): Endpoint(
            family.items,
            is_query=True,
            summary="A version's items, a page at a time.",
            query=_PAGE,
            answers={200: "A page; `next` asks for the one after.", **missing},
        ),
        ("GET", f"{one}/estimate"): Endpoint(
            family.estimate,
            is_query=True,
            summary="What it will cost to put a version's items to two versions of a route.",
            query=_PRICED,
            answers={200: "Tokens and dollars.", **missing},
        ),
    }


def _writing(family: "_DatasetsFamily") -> Routes:
    path, one, missing, full = _PATH, _ONE, _MISSING, _FULL
    return {
        ("POST", path): Endpoint(
            family.begin,
            is_query=True,
            summary="Begin the next version of a dataset.",
            query=(),
            body=BEGIN,
            answers={200: "The version, still open.", **full},
        ),
        ("POST", f"{one}/items"): Endpoint(
            family.add,
            is_query=True,
            summary="Add items to a version that is open; one that is there already counts once.",
            query=(),
            body=ITEMS,
            answers={200: "The version.", **missing, **full},
        ),
        ("POST", f"{one}/seal"): Endpoint(
            family.seal,
            is_query=True,
            summary="Close a version: from now on nothing but an erasure changes it.",
            query=(),
            answers={200: "The version with its content hash.", **missing, **full},
        ),
        ("POST", f"{path}/erase"): Endpoint(
            family.erase,
            is_query=True,
            summary="Erase what comes from an exchange, in every dataset, or all of one version.",
            query=(),
            body=ERASE,
            answers={200: "How many items.", **missing, **full},
        ),
    }


class _DatasetsFamily:
    def __init__(self, store: Store, snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self._store = store
        self._snapshot = snapshot
        self._clock = clock
        self._estimator = Estimator(snapshot)

    async def every(self, asked: Asked) -> web.StreamResponse:
        found = await self._store.datasets(asked.query["name"])
        return reply(200, {"datasets": [shown_dataset(each) for each in found]})

    async def items(self, asked: Asked) -> web.StreamResponse:
        after, limit = asked.query["after"], asked.query["limit"]
        name, version = _which(asked)
        with_missing = self._store.dataset_items(
            name, version, after=-1 if after is None else after, limit=limit, limit_bytes=PAGE_BYTES
        )
        found = await _told(with_missing)
        return reply(200, {"items": [shown(each) for each in found], "next": found[-1].ordinal if found else None})

    async def estimate(self, asked: Asked) -> web.StreamResponse:
        route = route_named(self._snapshot(), asked.query["route"] or "")
        candidate = _version(route, asked.query["candidate"])
        baseline = _version(route, asked.query["baseline"])
        prices, estimate, limit = await self._estimator.prices(), Estimate(), asked.query["limit"]
        left = limit
        async for page in self._pages(*_which(asked)):
            add(estimate, page[:left], prices, route, (candidate, baseline))
            left -= len(page)
            if left <= 0:
                break
        versions = {"candidate": candidate.name, "baseline": baseline.name}
        return reply(200, {"estimate": estimate.shown() | versions})

    async def begin(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, BEGIN)
        dataset = Dataset(_name(sent), 0, sent.get("route"), self._clock.time(), author(asked), _built(sent))
        if not isinstance(dataset.route, str | None):
            raise RefusedError(422, "invalid_body", "route has to be a route's name.")
        if dataset.route is not None:
            await ever_a_route(self._snapshot(), dataset.route, self._store)
        return reply(200, {"dataset": shown_dataset(await _told(self._store.add_dataset(dataset)))})

    async def add(self, asked: Asked) -> web.StreamResponse:
        sent = (await json_of(asked, ITEMS)).get("items")
        if not isinstance(sent, list) or len(sent) > MAX_BATCH:
            raise RefusedError(422, "invalid_body", f"items has to be a list of at most {MAX_BATCH}.")
        items = [_item(each) for each in sent]
        return reply(200, {"dataset": shown_dataset(await _told(self._store.add_dataset_items(*_which(asked), items)))})

    async def seal(self, asked: Asked) -> web.StreamResponse:
        which, whole = _which(asked), ContentHash()
        async for page in self._pages(*which):
            whole.add(page)
        sealed = await _told(self._store.seal_dataset(*which, whole.told()))
        return reply(200, {"dataset": shown_dataset(sealed)})

    async def erase(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, ERASE)
        exchange_id = sent.get("exchange_id")
        if sent.keys() == {"exchange_id"} and isinstance(exchange_id, str) and is_exchange_id(exchange_id.lower()):
            erasing = self._store.erase_dataset_items(
                at=self._clock.time(), exchange_id=exchange_id.lower(), dataset=None
            )
        elif sent.keys() == {"name", "version"} and type(sent["version"]) is int:
            which = (_name(sent), sent["version"])
            erasing = self._store.erase_dataset_items(at=self._clock.time(), exchange_id=None, dataset=which)
        else:
            raise RefusedError(422, "invalid_body", "The body has to name an exchange, or a dataset and its version.")
        return reply(200, {"erased": await _told(erasing)})

    async def _pages(self, name: str, version: int) -> Any:
        after = -1
        while page := await _told(
            self._store.dataset_items(name, version, after=after, limit=500, limit_bytes=PAGE_BYTES)
        ):
            yield page
            after = page[-1].ordinal


async def _told(work: Any) -> Any:
    """Wait for the store; what it does not have or take becomes an answer."""
    try:
        return await work
    except DatasetMissingError as error:
        raise RefusedError(404, "dataset_not_found", sentence(str(error))) from None
    except DatasetError as error:
        raise RefusedError(409, "dataset_closed", sentence(str(error))) from None


def shown_dataset(dataset: Dataset) -> dict[str, Any]:
    """A version as JSON has it."""
    return {name: getattr(dataset, name) for name in Dataset.__slots__} | {"built": dict(dataset.built)}


def _which(asked: Asked) -> tuple[str, int]:
    text = asked.names["version"]
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise RefusedError(404, "dataset_not_found", "A version of a dataset goes by its number.")
    return asked.names["name"], int(text)


def _name(sent: Mapping[str, Any]) -> str:
    name = sent.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable() or "@" in name:
        raise RefusedError(422, "invalid_body", f"name has to be a word of at most {MAX_NAME} characters, without @.")
    return name


def _built(sent: Mapping[str, Any]) -> Mapping[str, Any]:
    built = sent.get("built", {})
    if not isinstance(built, dict) or len(encode(built)) > MAX_BUILT:
        raise RefusedError(422, "invalid_body", f"built has to be an object of at most {MAX_BUILT:,} bytes.")
    return built


def _item(sent: Any) -> DatasetItem:
    if not isinstance(sent, dict) or type(sent.get("ordinal")) is not int or not 0 <= sent["ordinal"] < MAX_ITEMS:
        raise RefusedError(422, "invalid_body", f"Each item needs an ordinal below {MAX_ITEMS:,}.")
    try:
        return read_item(sent, sent["ordinal"])
    except BadItemError as error:
        raise RefusedError(422, "invalid_body", f"Item {sent['ordinal']}: {error}.") from None


def _version(route: Route, name: str | None) -> Version:
    """The version of that name; without one the heaviest."""
    if name is None:
        return max(route.versions, key=lambda version: version.weight)
    try:
        return route.version(name)
    except KeyError:
        raise RefusedError(404, "version_not_found", f"The route {route.name} has no version {name!r}.") from None
