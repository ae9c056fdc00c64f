"""What a caller gets in a blocked stream instead of an error: words of a guardrail, and the end such streams have."""

from collections.abc import Hashable

from llmgateway.guarding.stream import Passed
from llmgateway.ports.shape import Ending, StreamShape


class Farewell:
    """Sees what goes on of one stream, in both its forms: as it is logged, and as the caller gets it."""

    __slots__ = ("_given", "_logged")

    def __init__(self, shape: StreamShape, *, restores: bool) -> None:
        self._given: Ending = shape.ending()
        self._logged: Ending = shape.ending() if restores else self._given

    def saw(self, passed: Passed) -> None:
        """Hear of an event that goes on."""
        self._given.event(passed.given)
        if self._logged is not self._given:
            self._logged.event(passed.logged)

    def words(self, text: str, channel: tuple[Hashable, ...] | None) -> list[Passed] | None:
        """See ports.shape.Ending.refused."""
        given = self._given.refused(text, channel)
        logged = given if self._logged is self._given else self._logged.refused(text, channel)
        if given is None or logged is None or len(given) != len(logged):
            return None
        return [Passed(name, ours, theirs) for (name, theirs), (_, ours) in zip(given, logged, strict=True)]


def farewell(shape: StreamShape, *, restores: bool) -> Farewell | None:
    """One for a stream of this shape; None where the shape knows no endings."""
    return Farewell(shape, restores=restores) if hasattr(shape, "ending") else None
