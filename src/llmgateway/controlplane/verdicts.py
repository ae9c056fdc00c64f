"""What guardrails said, from the journal's records to the figures behind /metrics. Plain arithmetic over rows.

Records may be damaged or a later version's: what can't be read is left out, and the exchange itself is kept.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from llmgateway.controlplane.labels import OTHER, Labels
from llmgateway.domain.verdict import VERDICTS, Mode, Stage
from llmgateway.ports.store import VERDICT, Row

MAX_VERDICTS: Final = 500  # of one exchange
MAX_WORD: Final = 200  # characters of each text in a verdict
MAX_COUNT: Final = 1_000_000_000
MAX_KINDS: Final = 100  # of a guardrail, as labels; plug-ins make them up
MAX_KIND: Final = 64  # characters of such a label
_TEXTS: Final = tuple(name for name in VERDICT if name != "count")
_STAGES: Final = frozenset(Stage)
_ACTIONS: Final = frozenset(VERDICTS)
_MODES: Final = frozenset(Mode)

Key = tuple[str, str, str, str, str]  # guardrail, stage, action, mode, kind


def readable(given: object) -> tuple[list[Row], int]:
    """The verdicts of a record that a row may hold, and how many were left out."""
    if not isinstance(given, list):
        return [], 1
    kept = [{name: each[name] for name in VERDICT} for each in given[:MAX_VERDICTS] if _is_verdict(each)]
    return kept, len(given) - len(kept)


def _is_verdict(given: object) -> bool:
    if not isinstance(given, dict):
        return False
    count = given.get("count")
    return (
        type(count) is int
        and 0 < count <= MAX_COUNT
        and all(isinstance(text := given.get(name), str) and len(text) <= MAX_WORD for name in _TEXTS)
    )


class VerdictFigures:
    """How many verdicts there were, by guardrail, stage, action, mode and kind, all from bounded sets."""

    __slots__ = ("_kinds", "counts")

    def __init__(self, counts: Mapping[Key, int] | None = None) -> None:
        self.counts: dict[Key, int] = dict(counts or {})
        self._kinds: dict[str, set[str]] = {}  # by guardrail: those that have a label
        for guardrail, *_, kind in self.counts:
            self._kinds.setdefault(guardrail, set()).add(kind)

    def given(self, verdicts: Iterable[Mapping[str, Any]], labels: Labels) -> None:
        """Count the verdicts of one exchange, each once: how often its kind was found does not matter."""
        for each in verdicts:
            stage, action, mode = each["stage"], each["action"], each["mode"]
            guardrail = labels.guardrail(each["guardrail"])
            key = (
                guardrail,
                stage if stage in _STAGES else OTHER,
                action if action in _ACTIONS else OTHER,
                mode if mode in _MODES else OTHER,
                self._kind(guardrail, each["kind"]),
            )
            self.counts[key] = self.counts.get(key, 0) + 1

    def _kind(self, guardrail: str, kind: str) -> str:
        known = self._kinds.setdefault(guardrail, set())
        if kind not in known:
            if len(known) >= MAX_KINDS or not (kind.isascii() and kind.isprintable() and 0 < len(kind) <= MAX_KIND):
                return OTHER
            known.add(kind)
        return kind

    def configure(self, labels: Labels) -> None:
        """Forget what the configuration names no more."""
        names = {*labels.guardrails, OTHER}
        self.counts = {key: count for key, count in self.counts.items() if key[0] in names}
        self._kinds = {name: kinds for name, kinds in self._kinds.items() if name in names}

    def copy(self) -> "VerdictFigures":
        """The figures as they are now; the copy is for reading."""
        return VerdictFigures(self.counts)

    def state(self) -> list[list[Any]]:
        """As JSON, sharing nothing."""
        return [[*key, count] for key, count in self.counts.items()]

    @classmethod
    def restored(cls, state: Iterable[Any] | None) -> Self:
        """What `state` described; nothing where the state is of a version that counted no verdicts."""
        return cls({(g, stage, action, mode, kind): int(n) for g, stage, action, mode, kind, n in state or ()})
