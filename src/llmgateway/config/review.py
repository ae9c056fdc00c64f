"""What people are given to look at, as the configuration has it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Review:
    """What people are given to look at. `random`, `near_threshold`, `thumbs_down`, `drift`: which
    share comes by itself."""

    lease_s: float = 600.0  # how long a claim lasts that is not renewed
    overlap: float = 0.1  # share of the items that two people look at
    max_waiting: int = 10_000  # items
    random: float = 0.0
    near_threshold: float = 0.0
    thumbs_down: float = 0.0
    drift: float = 0.0
    per_hour: int = 100  # items that come by themselves

    def rate(self, reason: str) -> float:
        """The share of a reason that items come by themselves for."""
        return {
            "random": self.random,
            "near_threshold": self.near_threshold,
            "thumbs_down": self.thumbs_down,
            "drift": self.drift,
        }[reason]
