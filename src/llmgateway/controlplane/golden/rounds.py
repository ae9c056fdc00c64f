"""One round: every golden question of a route to each of its versions that has traffic, within the round's money."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from llmgateway.config.snapshot import Route, Version
from llmgateway.controlplane.evaluation.http import NoAnswerError
from llmgateway.controlplane.golden.asking import AskGolden, Round
from llmgateway.controlplane.golden.verdicts import Verdict, newly_failed, says_nothing
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.ports.datasets import DatasetItem

PATIENCE: Final = 3  # questions one after the other of which nothing can be known; then the round ends
MAX_TOLD: Final = 20  # questions in an event


class CutShortError(Exception):
    """The round ends here; the message says why."""


class Asking:
    """Asks one question after the other. `cost_usd`: what all of them have cost, as far as it is known.

    `trouble`: why nothing is known of some answers; None where of each something is.
    """

    def __init__(self, ask: AskGolden, asked: Round) -> None:
        self._ask = ask
        self._asked = asked
        self._in_a_row = 0
        self.cost_usd = 0.0
        self.trouble: str | None = None

    async def verdict(self, item: DatasetItem, version: str) -> Verdict | None:
        """Ask, and again if the answer is bad: only who is wrong twice has failed. None: nothing is known.

        Raises CutShortError, and StoreError.
        """
        first = await self._once(item, version)
        if first is None or first.passes:
            return first
        return await self._once(item, version) or first

    async def _once(self, item: DatasetItem, version: str) -> Verdict | None:
        golden = self._asked.golden
        if self.cost_usd >= golden.max_cost:
            raise CutShortError(f"the round's money is used up: ${self.cost_usd:.4f}")
        try:
            answer = await self._ask(self._asked, item, version)
        except NoAnswerError as error:
            self._nothing(str(error))
            return None
        self.cost_usd += answer.row.get("cost_usd") or 0.0
        if says_nothing(answer.row):
            self._nothing(answer.row.get("error_code") or str(answer.row.get("end")))
            return None
        from llmgateway.controlplane.golden.judging import judged

        self._in_a_row = 0
        return judged(answer.row, item, answer.reply, golden.match)

    def _nothing(self, why: str) -> None:
        self._in_a_row += 1
        self.trouble = f"of some answers nothing is known: {why}"
        if self._in_a_row >= PATIENCE:
            raise CutShortError(f"nothing can be asked: {why}")


def asked_versions(route: Route) -> Sequence[Version]:
    """Those that answer callers."""
    return [each for each in route.versions if each.weight > 0]


def told(
    route: str, version: Version, before: tuple[float, Mapping[str, Verdict]], now: Mapping[str, Verdict], at: float
) -> GatewayEvent | None:
    """The event of a round: what was answered well in the one before and is not now; None where nothing is.

    `before`: when that was, and the verdicts then. Found once more after a crash, it is the same event.
    """
    since, verdicts = before
    failed = newly_failed(verdicts, now)
    if not failed:
        return None
    made_of = "\0".join((route, version.id, str(since), *sorted(failed))).encode("utf-8", "replace")
    reasons = Counter(each.reason for each in failed.values())
    text = (
        f"{len(failed)} of {len(now)} golden questions that version {version.name} of route {route} answered well are "
        f"answered badly now: {', '.join(f'{reason} ({count})' for reason, count in reasons.most_common())}."
    )
    questions = [
        {"question": name[:12], "reason": each.reason, "exchange": each.exchange}
        for name, each in sorted(failed.items())[:MAX_TOLD]
    ]
    return GatewayEvent(
        id=f"golden-{blake2b(made_of, digest_size=8).hexdigest()}",
        at=at,
        kind=EventKind.PROBE,
        action="answered_otherwise",
        severity=EventSeverity.WARNING,
        text=text,
        route=route,
        version=version.name,
        figures={"failed": len(failed), "asked": len(now), "before": since, "questions": questions},
    )
