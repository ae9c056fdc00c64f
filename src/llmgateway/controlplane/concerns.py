"""Concerns: raised by anybody about a version or a route, and closed by name, with a reason. While one is open, the
version it is about is not promoted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.refused import RefusedError, no_such_route
from llmgateway.domain.clock import Clock
from llmgateway.domain.ids import IdMint, is_exchange_id
from llmgateway.domain.review import (
    MAX_WHO,
    BadReviewError,
    Concern,
    ConcernState,
    Item,
    Severity,
    needed_words,
    one_of,
    words_in,
)
from llmgateway.ports.store import Store, StoreRejectedError
from llmgateway.review.verdicts import SIDES, exchange_on, version_on

FIELDS: Final = frozenset({"route", "version", "severity", "text", "owner", "exchange_id"})


class Concerns:
    """One for the control process."""

    def __init__(self, store: Store, snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self.store = store
        self._snapshot = snapshot
        self._clock = clock
        self._mint = IdMint(clock.time)

    async def raise_(self, who: str, sent: Mapping[str, Any]) -> Concern:
        """Take a concern. BadReviewError, RefusedError."""
        concern = self._read(who, sent)
        await self._known(concern.route, concern.version)
        await self._save(concern)
        return concern

    async def raise_about(self, item: Item, who: str, sent: Mapping[str, Any]) -> Concern:
        """Take a concern about the version that answered an item, or one side of a pair: nobody need know its name."""
        if sent.keys() - {"side", "severity", "text", "owner"}:
            raise BadReviewError(None, "A field is not known here. Known are owner, severity, side, text.")
        side = str(sent.get("side"))
        if item.is_pair and side not in SIDES:
            raise BadReviewError("side", "side must be left or right.")
        version = version_on(item, side) if item.is_pair else item.served
        exchange_id = exchange_on(item, side) if item.is_pair else item.exchange_id
        more = {name: value for name, value in sent.items() if name != "side"}
        about = {"route": item.route, "version": version, "exchange_id": exchange_id}
        concern = self._read(who, {**more, **about})
        await self._save(concern)
        return concern

    async def blind_to(self, who: str, found: Sequence[Concern]) -> frozenset[str]:
        """The ids of those that somebody has raised from a pair which people still look at: he must not learn from them
        which version is on which side.
        """
        own = {each.id: each.exchange_id for each in found if each.by == who and each.exchange_id is not None}
        hidden = await self.store.in_open_pairs([*own.values()]) if own else frozenset()
        return frozenset(name for name, exchange_id in own.items() if exchange_id in hidden)

    async def close(self, concern_id: str, state: ConcernState, who: str, sent: Mapping[str, Any]) -> Concern:
        """Resolve or accept a concern. BadReviewError, RefusedError."""
        if sent.keys() - {"reason"}:
            raise BadReviewError(None, "A field is not known here. Known is reason.")
        reason = needed_words(sent, "reason")
        found = await self.store.concern(concern_id)
        if found is None:
            raise RefusedError(404, "concern_not_found", "There is no such concern.")
        closed = replace(found, state=state, closed_at=self._clock.time(), closed_by=who, closed_reason=reason)
        if not await self.store.close_concern(closed):
            raise RefusedError(409, "concern_closed", "Somebody has closed this concern already.")
        return closed

    async def _save(self, concern: Concern) -> None:
        try:
            await self.store.add_concern(concern)
        except StoreRejectedError as error:
            raise RefusedError(409, "too_many_concerns", f"Close some first: {error}.") from None

    def _read(self, who: str, sent: Mapping[str, Any]) -> Concern:
        if sent.keys() - FIELDS:
            raise BadReviewError(None, f"A field is not known here. Known are {', '.join(sorted(FIELDS))}.")
        severity = one_of(sent.get("severity", Severity.MEDIUM), "severity", Severity)
        exchange_id = words_in(sent, "exchange_id", 64)
        if exchange_id is not None and not is_exchange_id(exchange_id.lower()):
            raise BadReviewError("exchange_id", "exchange_id must be an exchange's id.")
        return Concern(
            self._mint(),
            self._clock.time(),
            who,
            needed_words(sent, "route", 256),
            words_in(sent, "version", 256),
            severity,
            needed_words(sent, "text"),
            owner=words_in(sent, "owner", MAX_WHO),
            exchange_id=exchange_id.lower() if exchange_id else None,
        )

    async def _known(self, route: str, version: str | None) -> None:
        """A concern about a name that nothing has ever had would stand against nothing."""
        now = self._snapshot().routes.get(route)
        known = {name for each in (now.versions if now else ()) for name in (each.name, each.id)}
        seen = [] if version in known else await self.store.seen_versions([route])
        known |= {name for each in seen for name in (each.name, each.id)}
        if now is None and not seen:
            raise no_such_route(route, {*self._snapshot().routes, *await self.store.version_routes()})
        if version is not None and version not in known:
            raise RefusedError(404, "version_not_found", "The route has and had no such version.")
