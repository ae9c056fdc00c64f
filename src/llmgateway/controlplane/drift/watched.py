"""Everything that is watched of one version of one route: a few counts for each exchange, arithmetic for a few of them.

The first `reference` answered exchanges are the frozen window. After it a bad event moves its signal at once, and each
`comparison` answered exchanges are compared with the window's distributions.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

from llmgateway.config.drift import Drift, DriftFeature
from llmgateway.controlplane.drift import bins
from llmgateway.controlplane.drift.feature import ALPHA, Feature
from llmgateway.controlplane.drift.languages import NAMES as LANGUAGES
from llmgateway.controlplane.drift.signal import Signal, Turn
from llmgateway.controlplane.drift.signs import ERROR, FAILED, SIGNALS, bad_signs, is_plain
from llmgateway.rollout.psi import drifted

_BINS: Final = {
    DriftFeature.PROMPT_LENGTH.value: bins.LENGTHS,
    DriftFeature.REPLY_LENGTH.value: bins.LENGTHS,
    DriftFeature.FINISH_REASON.value: len(bins.FINISHES),
    DriftFeature.LANGUAGE.value: len(LANGUAGES),
}
FEATURES: Final = tuple(_BINS)
_PROMPT, _REPLY, _FINISH, _LANGUAGE = FEATURES
_ORDERED: Final = frozenset({_PROMPT, _REPLY})  # neighbouring bins are alike


class Found(NamedTuple):
    """Something to tell: a signal or a feature, and whether its alarm begins or is over."""

    name: str
    turn: Turn


NOTHING: Final[list[Found]] = []


class Watched:
    """`asked`: exchanges that say something of the version; `answered`: those of them that had an answer."""

    __slots__ = ("_at", "_settings", "answered", "asked", "features", "signals")

    def __init__(self, settings: Drift) -> None:
        self._settings = settings
        self.asked = 0
        self.answered = 0
        self.signals = {name: Signal() for name in SIGNALS}
        self.features = {name: Feature.empty(size) for name, size in _BINS.items()}
        self._at = settings.reference  # how many answers there are when something is due

    @property
    def is_learning(self) -> bool:
        """Whether the frozen window is not over."""
        return not self.signals[ERROR].is_frozen

    @property
    def missing(self) -> int:
        """Answered exchanges until the window is over, or until the next comparison."""
        return self._at - self.answered

    def configure(self, settings: Drift) -> None:
        """Take other settings: a window that is open may end sooner or later, a comparison after this one."""
        if self.is_learning:
            self._at = max(settings.reference, self.answered + 1)
        self._settings = settings

    def observe(self, row: Mapping[str, Any]) -> list[Found]:
        """Count an exchange; says what there is to tell, which is hardly ever anything."""
        if is_plain(row):
            self.asked += 1
        else:
            bad = bad_signs(row)
            if bad is None:
                return NOTHING
            self.asked += 1
            if bad:
                return self._bad(bad, row)
        self._answer(row)
        return self._due() if self.answered >= self._at else NOTHING

    def said(self, language: int) -> None:
        """Count the language of an answer, by its place in `languages.NAMES`."""
        self.features[_LANGUAGE].counts[language] += 1

    def look(self) -> list[Found]:
        """Make up for the good events since the last bad ones: an alarm may be over."""
        turns = ((name, self.signals[name].look(self.events(name))) for name in SIGNALS)
        return [Found(name, turn) for name, each in turns for turn in each]

    def _bad(self, bad: tuple[str, ...], row: Mapping[str, Any]) -> list[Found]:
        if bad is not FAILED:
            self._answer(row)
        found = [
            Found(name, turn) for name in bad for turn in self.signals[name].went_bad(self.events(name), row["id"])
        ]
        return found + self._due() if self.answered >= self._at else found

    def _answer(self, row: Mapping[str, Any]) -> None:
        self.answered += 1
        features = self.features
        tokens = row.get("input_tokens")
        if tokens is not None:
            features[_PROMPT].counts[bins.of_length(tokens)] += 1
        tokens = row.get("output_tokens")
        if tokens is not None:
            features[_REPLY].counts[bins.of_length(tokens)] += 1
        features[_FINISH].counts[bins.FINISH.get(row.get("finish_reason"), bins.OTHER)] += 1

    def events(self, name: str) -> int:
        """How many events a signal has had: an answer cannot be refused where there was none."""
        return self.asked if name == ERROR else self.answered

    def _due(self) -> list[Found]:
        self._at = self.answered + self._settings.comparison
        # Languages come late, and of few answers: what there is of them waits for the rest, the window's too.
        ready = {name: each for name, each in self.features.items() if name != _LANGUAGE or each.has_enough}
        if not self.is_learning:
            return self._compare(ready)
        for name, signal in self.signals.items():
            signal.freeze(self.events(name))
        for name, feature in ready.items():
            feature.freeze(is_ordered=name in _ORDERED)
        return NOTHING

    def _compare(self, ready: Mapping[str, Feature]) -> list[Found]:
        floor = self._settings.floor
        languages = ready.get(_LANGUAGE)
        if languages is not None and languages.ends is None:
            languages.freeze(is_ordered=False)
        compared = {name: feature.compared(floor) for name, feature in ready.items()}
        looked_at = {name: each for name, each in compared.items() if each and name in self._settings.features}
        moved = drifted(looked_at, ALPHA, floor)
        found = [Found(name, Turn.RAISED) for name in moved if self.features[name].warning is None]
        return found + [
            Found(name, Turn.CLEARED)
            for name in looked_at
            if name not in moved and self.features[name].warning is not None
        ]

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "asked": self.asked,
            "answered": self.answered,
            "at": self._at,
            "signals": {name: each.state() for name, each in self.signals.items()},
            "features": {name: each.state() for name, each in self.features.items()},
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], settings: Drift) -> Self:
        """What `state()` described; raises what malformed JSON makes it raise."""
        made = cls(settings)
        made.asked, made.answered, made._at = (int(state[name]) for name in ("asked", "answered", "at"))
        made.signals = {name: Signal.restored(state["signals"][name]) for name in SIGNALS}
        known = state["features"]  # one that is new is not
        made.features |= {name: Feature.restored(known[name], size) for name, size in _BINS.items() if name in known}
        return made
