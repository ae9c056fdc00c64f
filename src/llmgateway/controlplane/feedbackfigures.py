"""What users said, as the figures behind /metrics. Plain arithmetic over placed scores; every label is bounded."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from llmgateway.controlplane.labels import OTHER, Labels
from llmgateway.domain.score import Reason, SourceKind, State, polarity
from llmgateway.ports.scores import Placement

MAX_NAMES: Final = 10  # that have series of their own, the first to come; callers make them up

Key = tuple[str, str, str, str]  # route, version, name, polarity

log = logging.getLogger(__name__)


class FeedbackFigures:
    """Users' scores by route, version, name and polarity, and rejected ones by reason. Who says it anew counts anew."""

    __slots__ = ("_names", "counts", "rejected")

    def __init__(self, counts: Mapping[Key, int] | None = None, rejected: Mapping[str, int] | None = None) -> None:
        self.counts: dict[Key, int] = dict(counts or {})
        self.rejected: dict[str, int] = {reason.value: 0 for reason in Reason} | dict(rejected or {})
        self._names = {name for _, _, name, _ in self.counts} - {OTHER}

    def observe(self, placements: Iterable[Placement], labels: Labels) -> None:
        """Count scores that are being placed; others' are the business of those who give them."""
        for placement in placements:
            if placement.reason is not None:
                self.rejected[placement.reason.value] += 1
            elif placement.state is State.VALID and placement.score.source_kind is SourceKind.USER:
                self._said(placement, labels)

    def _said(self, placement: Placement, labels: Labels) -> None:
        target, score = placement.target, placement.score
        assert target is not None
        route, version = labels.cell({"route": target.route, "assigned_version": target.version})
        key = (route, version, self._name(score.name), polarity(score).value)
        self.counts[key] = self.counts.get(key, 0) + 1

    def _name(self, name: str) -> str:
        if name not in self._names:
            if len(self._names) >= MAX_NAMES:
                return OTHER
            self._names.add(name)
        return name

    def configure(self, labels: Labels) -> None:
        """Forget the routes and versions that the configuration names no more. Names stay: there are only so many."""
        self.counts = {key: count for key, count in self.counts.items() if labels.has(*key[:2])}

    def copy(self) -> "FeedbackFigures":
        """The figures as they are now."""
        twin = FeedbackFigures(self.counts, self.rejected)
        twin._names |= self._names
        return twin

    def state(self) -> dict[str, Any]:
        """As JSON, sharing nothing."""
        return {
            "counts": [[*key, count] for key, count in self.counts.items()],
            "rejected": dict(self.rejected),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any] | None) -> "FeedbackFigures":
        """What `state()` described as `figures`; zero where there is none, or none that can be read."""
        if state is None:
            return cls()
        try:
            saved = state["figures"]
            counts = {(route, version, name, sign): int(count) for route, version, name, sign, count in saved["counts"]}
            rejected = {reason: int(saved["rejected"].get(reason, 0)) for reason in map(str, Reason)}
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            log.warning("the saved counts of feedback can't be read and start at zero: %s", type(error).__name__)
            return cls()
        return cls(counts, rejected)
