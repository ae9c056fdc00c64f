"""What every further candidate of a route is tried on: the requests on which earlier ones were rolled back. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final, NamedTuple

from llmgateway.ports.datasets import DatasetItem

PREFIX: Final = "regression-"
MAX_NAME: Final = 100  # characters, as of any dataset
KEPT: Final = 1_000  # items of a version; then the oldest give way
KEPT_BYTES: Final = 64 * 1024 * 1024  # of their requests and replies


class Mark(NamedTuple):
    """What has to be known of an item to tell whether it is kept. `prompt_hash` None: it was erased."""

    ordinal: int
    prompt_hash: str | None
    size: int


def name_of(route: str) -> str:
    """The name of a route's regression dataset: one that any dataset may have, and no other route's."""
    name = PREFIX + route
    if len(name) <= MAX_NAME and "@" not in name and name.isprintable():
        return name
    mark = sha256(route.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    plain = "".join(each if each.isprintable() and each != "@" else "-" for each in name)
    return f"{plain[: MAX_NAME - len(mark) - 1]}-{mark}"


def mark(item: DatasetItem) -> Mark:
    """The item's mark."""
    return Mark(item.ordinal, item.prompt_hash, size(item))


def size(item: DatasetItem) -> int:
    """Bytes of what was said."""
    return len(item.request or b"") + len(item.reply or b"")


def fresh(before: Iterable[Mark], found: Iterable[DatasetItem]) -> list[DatasetItem]:
    """Those of `found` that ask what no item before asks."""
    known = {each.prompt_hash for each in before}
    taken: list[DatasetItem] = []
    for item in found:
        if item.prompt_hash not in known:
            known.add(item.prompt_hash)
            taken.append(item)
    return taken


def carried(before: Sequence[Mark], new: Sequence[DatasetItem]) -> set[int]:
    """Which items of the version before the next one has, too: what fits beside the new ones, the newest first."""
    room, count = KEPT_BYTES - sum(map(size, new)), KEPT - len(new)
    kept: set[int] = set()
    for each in reversed(before):
        if each.prompt_hash is None:
            continue
        room -= each.size
        if room < 0 or len(kept) >= count:
            break
        kept.add(each.ordinal)
    return kept


class Filling:
    """A version on its way: what it holds already, and where the next item goes."""

    def __init__(self, there: Iterable[Mark]) -> None:
        marks = list(there)
        self._known = {each.prompt_hash for each in marks}
        self._next = max((each.ordinal for each in marks), default=-1) + 1

    def take(self, item: DatasetItem) -> DatasetItem | None:
        """The item with its place in the version; None if it is there already."""
        if item.prompt_hash in self._known:
            return None
        self._known.add(item.prompt_hash)
        placed = replace(item, ordinal=self._next)
        self._next += 1
        return placed
