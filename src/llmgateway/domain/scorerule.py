"""Which scores are asked about, and which of their values are bad."""

from dataclasses import dataclass

from llmgateway.domain.score import DataType, Score, SourceKind, Value


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """Scores of one name by one kind of source, or by one source of it.

    `name` None: whatever the source gives. `bad`: yes or no, or categories. `below`, `above`: of numbers. `run`: who
    judged has to be the very one; None: whoever it was.
    """

    name: str | None
    source_kind: SourceKind
    source_id: str | None = None
    bad: tuple[bool | str, ...] = ()
    below: float | None = None
    above: float | None = None
    run: str | None = None

    def reads(self, score: Score) -> bool:
        """Whether a score is one of these."""
        return (
            score.source_kind is self.source_kind
            and self.name in (None, score.name)
            and self.source_id in (None, score.source_id)
            and self.run in (None, score.run)
        )

    def is_bad(self, score: Score) -> bool | None:
        """Whether what it says is bad; None where that is no value of the kind that is asked about."""
        if score.data_type is DataType.TEXT or score.value is None:
            return None
        return self.finds_bad(score.value)

    def finds_bad(self, value: Value) -> bool | None:
        """The same of a value alone, a text being a category."""
        if isinstance(value, bool | str):
            return value in self.bad if self.bad and type(value) is type(self.bad[0]) else None
        return None if self.bad else self._is_outside(value)

    def _is_outside(self, value: float) -> bool:
        return (self.below is not None and value < self.below) or (self.above is not None and value > self.above)
