"""Pairs: one request answered by both versions (shadow, replay, a judge who prefers one). The same test at weight 1/2.

Only discordant pairs count: those in which exactly one side was bad, or was judged the worse one. A tie says nothing.
"""

import math
from enum import StrEnum
from typing import Final

from llmgateway.rollout.counts import Arms, Draw
from llmgateway.rollout.eprocess import log_e
from llmgateway.rollout.grid import HARM, safe

HALF: Final = 0.5


class Verdict(StrEnum):
    """What discordant pairs prove."""

    WORSE = "worse"  # the candidate loses more than its half: the gate fails
    ALIKE = "alike"  # it does not lose by the margin or more: more pairs would be a waste
    OPEN = "open"


def draws_of(lost: Arms) -> list[Draw]:
    """The pairs that each version lost, as the test takes them."""
    return [Draw(HALF, *lost)]


def verdict(lost: Arms, *, alpha: float = 0.05, beta: float = 0.05, margin: float = 1.5) -> Verdict:
    """What the pairs lost by each version prove so far; may be asked after every pair.

    Two equal versions are ever called worse with probability at most `alpha`. A candidate that loses at least
    `margin` times as often as the stable version is ever called alike with probability at most `beta`.
    """
    draws = draws_of(lost)
    if log_e(draws, 1.0, HARM) >= -math.log(alpha):
        return Verdict.WORSE
    return Verdict.ALIKE if log_e(draws, margin, safe(margin)) >= -math.log(beta) else Verdict.OPEN
