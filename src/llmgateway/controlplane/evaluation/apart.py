"""Copies whose primary is not in the store yet: they wait for it, within a bound."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.controlplane.evaluation.panel import Due, Member

MAX_APART: Final = 1_000


class Apart:
    """By the primary's id. The oldest go where there are too many."""

    def __init__(self) -> None:
        self._copies: OrderedDict[str, Due] = OrderedDict()

    def add(self, copy: Mapping[str, Any], members: Sequence[Member]) -> Due | None:
        """Let a copy wait; gives the one that has to go for it."""
        self._copies[copy["shadow_of"]] = Due(copy, members)
        return self._copies.popitem(last=False)[1] if len(self._copies) > MAX_APART else None

    def take(self, primary_id: str) -> Due | None:
        """The copy that waited for this exchange."""
        return self._copies.pop(primary_id, None) if self._copies else None

    def clear(self) -> None:
        self._copies.clear()
