"""Bodies for those who go through many: one that is damaged, or a newer version's, keeps nobody from the others."""

import logging
from collections.abc import Sequence
from typing import Protocol

from llmgateway.ports.store import Body, StoreError, StoreUnavailableError

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
