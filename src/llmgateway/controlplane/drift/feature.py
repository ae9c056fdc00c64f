"""One distribution of one version: what it was in the frozen window, and how far a later one is from that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from llmgateway.controlplane.drift.bins import grouped, groups
from llmgateway.rollout.psi import Shift, shift, threshold

ALPHA: Final = 0.001  # of a comparison, over all features of a version: there are many comparisons
LEAST: Final = 100  # counts on either side below which nothing is compared


@dataclass(slots=True)
class Feature:
    """`counts`: of what is being counted now, in fine bins. `before`: of the frozen window, in groups of these.

    `ends` None: the window is not over, or had too few counts. `last`: the newest comparison, and what the index would
    have had to exceed. `warning`: what was told last; None after a comparison in which there was nothing to tell.
    """

    counts: list[int]
    ends: list[int] | None = None
    before: list[int] = field(default_factory=list)
    last: Shift | None = None
    limit: float | None = None
    warning: Mapping[str, Any] | None = None

    @classmethod
    def empty(cls, bins: int) -> Self:
        return cls([0] * bins)

    @property
    def has_enough(self) -> bool:
        """Whether what is being counted can be compared."""
        return sum(self.counts) >= LEAST

    def freeze(self, *, is_ordered: bool) -> None:
        """The window is over. `is_ordered`: neighbouring bins may be one."""
        counts, self.counts = self.counts, [0] * len(self.counts)
        if sum(counts) >= LEAST:
            self.ends = groups(counts) if is_ordered else list(range(1, len(counts) + 1))
            self.before = grouped(counts, self.ends)

    def compared(self, floor: float) -> Shift | None:
        """Compare what was counted with the window, and begin anew. None where there is too little."""
        counts, self.counts = self.counts, [0] * len(self.counts)
        if self.ends is None or sum(counts) < LEAST:
            return None
        pairs = [pair for pair in zip(self.before, grouped(counts, self.ends), strict=True) if any(pair)]
        if len(pairs) < 2:
            self.last, self.limit = Shift(0.0, 1.0), floor
            return self.last
        before, now = zip(*pairs, strict=True)
        self.last = shift(before, now)
        self.limit = max(floor, threshold(sum(before), sum(now), len(pairs), ALPHA))
        return self.last

    def state(self) -> dict[str, Any]:
        """As JSON."""
        last = None if self.last is None else [self.last.psi, self.last.p, self.limit]
        return {"counts": self.counts, "ends": self.ends, "before": self.before, "last": last} | (
            {} if self.warning is None else {"warning": dict(self.warning)}
        )

    @classmethod
    def restored(cls, state: Mapping[str, Any], bins: int) -> Self:
        """What `state()` described; raises what malformed JSON makes it raise."""
        counts, ends, last = list(map(int, state["counts"])), state["ends"], state["last"]
        if len(counts) != bins or (ends is not None and len(ends) != len(state["before"])):
            raise ValueError("bins")
        shifted, limit = (None, None) if last is None else (Shift(last[0], last[1]), last[2])
        return cls(counts, ends, list(map(int, state["before"])), shifted, limit, state.get("warning"))
