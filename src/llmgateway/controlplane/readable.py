"""Bodies for those who go through many: so many at once as may be held, and one that is damaged, or a newer version's,
keeps nobody from the others.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from llmgateway.ports.store import Body, StoreError, StoreUnavailableError

T = TypeVar("T")

MAX_BYTES: Final = 8 * 1024 * 1024  # of bodies held at once, as they are on the wire; a very large one is alone

log = logging.getLogger(__name__)


class Bodies(Protocol):
    """The part of the store that is needed here."""

    async def bodies(self, seqs: Sequence[int]) -> dict[int, list[Body]]: ...


async def readable(store: Bodies, seqs: Sequence[int]) -> dict[int, list[Body]]:
    """The bodies of these exchanges, by `seq`; of one whose bodies can't be read there are none, as if none were kept.

    Raises StoreUnavailableError: later they may be read.
    """
    try:
        return await store.bodies(seqs)
    except StoreUnavailableError:
        raise
    except StoreError:
        pass
    found: dict[int, list[Body]] = {}
    for seq in seqs:
        try:
            found |= await store.bodies([seq])
        except StoreUnavailableError:
            raise
        except StoreError as error:
            log.warning("what was said in exchange number %d can't be read: %s", seq, error)
    return found


def on_the_wire(row: Mapping[str, Any]) -> int:
    """How large an exchange's bodies were, in bytes."""
    return (row.get("request_bytes") or 0) + (row.get("reply_bytes") or 0)


def parts(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """The items in parts whose bodies may be held at once. `size`: of one's, in bytes; 0 where none are read."""
    part: list[T] = []
    held = 0
    for each in items:
        more = size(each)
        if part and held + more > MAX_BYTES:
            yield part
            part, held = [], 0
        part.append(each)
        held += more
    if part:
        yield part
