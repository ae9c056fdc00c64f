"""The crude stop beside the test: a candidate that fails most of the time goes at once, whatever the statistics say."""

from dataclasses import dataclass
from typing import Final

from llmgateway.rollout.counts import NOTHING, Arms

REQUESTS: Final = 20
FAILING: Final = 0.5
RUN: Final = 10  # failures in a row; by chance about once in 10^20 where one request in a hundred fails
STABLE_RUN: Final = 3  # the stable version fails as well: going back to it would help nobody
STABLE_SHARE: Final = 0.5  # … of the candidate's share of failures


@dataclass(frozen=True, slots=True)
class Failing:
    """How requests ended lately (since the weights changed), and how many failed in a row at their end."""

    requests: Arms = NOTHING
    failed: Arms = NOTHING
    run: Arms = NOTHING

    def seen(self, *, is_candidate: bool, has_failed: bool) -> "Failing":
        """With one more request."""
        one = Arms(candidate=1) if is_candidate else Arms(stable=1)
        run = self.run.plus(one) if has_failed else self._without_run(is_candidate=is_candidate)
        return Failing(self.requests.plus(one), self.failed.plus(one) if has_failed else self.failed, run)

    def plus(self, other: "Failing") -> "Failing":
        """Both; of two runs the longer, since nobody knows how two workers' requests interleave."""
        run = Arms(max(self.run.stable, other.run.stable), max(self.run.candidate, other.run.candidate))
        return Failing(self.requests.plus(other.requests), self.failed.plus(other.failed), run)

    def is_broken(self) -> bool:
        """Whether the candidate fails so much that no test is needed, and the stable version does not."""
        return self._fails_in_a_row() or self._fails_mostly()

    def _fails_in_a_row(self) -> bool:
        return self.run.candidate >= RUN and self.run.stable < STABLE_RUN

    def _fails_mostly(self) -> bool:
        requests, failed = self.requests, self.failed
        if requests.candidate < REQUESTS or failed.candidate < FAILING * requests.candidate:
            return False
        share = failed.candidate / requests.candidate
        return failed.stable <= STABLE_SHARE * share * requests.stable

    def _without_run(self, *, is_candidate: bool) -> Arms:
        return self.run._replace(candidate=0) if is_candidate else self.run._replace(stable=0)
