"""What the commands about datasets ask the gateway: versions, items page by page, and new ones in batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from llmgateway.cli import gateway
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.whereabouts import Source
from llmgateway.ports.datasets import MAX_ITEM_BYTES, DatasetItem
from llmgateway.replaying.items import shown
from llmgateway.wire.jsoncodec import encode

BATCH: Final = 100
BATCH_BYTES: Final = 2 * MAX_ITEM_BYTES
_JSON: Final = "application/json"


def named(text: str) -> tuple[str, int | None]:
    """Read NAME or NAME@VERSION."""
    name, at, version = text.rpartition("@")
    if not at:
        return text, None
    if not (version.isascii() and version.isdigit()):
        fail(f"{text!r} is no dataset: write NAME, or NAME@VERSION with the version's number", MISUSED)
    return name, int(version)


def versions(place: Source, name: str | None = None) -> list[Mapping[str, Any]]:
    """Every version, or those of one name, the newest first."""
    return list(gateway.get(place, "datasets", has="datasets", name=name)["datasets"])


def found(place: Source, text: str) -> Mapping[str, Any]:
    """The version that NAME@VERSION means, or the newest sealed one; leaves the program where there is none."""
    name, version = named(text)
    wanted = [
        each
        for each in versions(place, name)
        if each["version"] == version or (version is None and each["content_hash"] is not None)
    ]
    if not wanted:
        fail(f"there is no dataset {text}: `llmgateway datasets list` shows them", MISUSED)
    return wanted[0]


def items(place: Source, dataset: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The items of a version, those that were erased included."""
    after = None
    while page := gateway.get(place, f"{path_of(dataset)}/items", has="items", after=_written(after))["items"]:
        yield from page
        after = page[-1]["ordinal"]


def _written(after: int | None) -> str | None:
    return None if after is None else str(after)


def path_of(dataset: Mapping[str, Any]) -> str:
    return f"datasets/{quote(dataset['name'], safe='')}/{dataset['version']}"


def save(
    place: Source,
    name: str,
    route: str | None,
    built: Mapping[str, Any],
    new: Sequence[DatasetItem],
    step: Callable[[int], None] = lambda _: None,
) -> Mapping[str, Any]:
    """Make the next version of `name` out of items. Nobody can use one that was cut off: it is never sealed."""
    content = {"name": name, "built": built} | ({} if route is None else {"route": route})
    dataset = _post(place, "datasets", content)
    for batch in batches(new):
        _post(place, f"{path_of(dataset)}/items", {"items": [shown(item) for item in batch]})
        step(len(batch))
    return _post(place, f"{path_of(dataset)}/seal", {})


def batches(new: Sequence[DatasetItem]) -> Iterator[list[DatasetItem]]:
    """Items that go together in one request."""
    batch: list[DatasetItem] = []
    size = 0
    for item in new:
        weight = len(item.request or b"") + len(item.reply or b"")
        if batch and (len(batch) == BATCH or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += weight
    if batch:
        yield batch


def _post(place: Source, path: str, content: Any) -> Mapping[str, Any]:
    answer = gateway.change(place, "POST", path, has="dataset", body=(_JSON, encode(content)))
    dataset: Mapping[str, Any] = answer["dataset"]
    return dataset
