"""What evidence consists of: pairs of integers, which add up in any order over workers, nodes and restarts."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

MAX_COUNT: Final = 2**53  # what JSON and floats carry exactly


class Arms(NamedTuple):
    """A count for each of the two versions that are compared."""

    stable: int = 0
    candidate: int = 0

    @property
    def both(self) -> int:
        return self.stable + self.candidate

    def plus(self, other: "Arms") -> "Arms":
        return Arms(self.stable + other.stable, self.candidate + other.candidate)


class Draw(NamedTuple):
    """Events that fell on either arm while the candidate had the share `weight` of assignments."""

    weight: float
    stable: int
    candidate: int


Epochs = Mapping[int, Arms]  # weight epoch → counts

NOTHING: Final = Arms()


def added(one: Epochs, other: Epochs) -> dict[int, Arms]:
    """Both, epoch by epoch."""
    return {epoch: one.get(epoch, NOTHING).plus(other.get(epoch, NOTHING)) for epoch in sorted({*one, *other})}


def total(epochs: Epochs) -> Arms:
    """All epochs together."""
    stable = sum(each.stable for each in epochs.values())
    return Arms(stable, sum(each.candidate for each in epochs.values()))


def draws(epochs: Epochs, weights: Mapping[int, float], since: int = 0) -> list[Draw]:
    """The counts from epoch `since` on, by weight. Epochs of one weight are one: only the weight enters a test.

    KeyError for an epoch whose weight is not known.
    """
    by_weight: dict[float, Arms] = {}
    for epoch, counts in epochs.items():
        if epoch >= since and counts.both:
            weight = weights[epoch]
            by_weight[weight] = by_weight.get(weight, NOTHING).plus(counts)
    return [Draw(weight, *by_weight[weight]) for weight in sorted(by_weight)]


def checked(counts: Iterable[int]) -> Arms:
    """Two counts that come from outside. ValueError where they are none."""
    stable, candidate = counts
    for each in (stable, candidate):
        if type(each) is not int or not 0 <= each <= MAX_COUNT:
            raise ValueError(f"{each!r} is no count")
    return Arms(stable, candidate)
