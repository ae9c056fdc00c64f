"""Questions that wait to be asked: of each evaluator the newest, as many as there is room for."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from llmgateway.controlplane.evaluation.panel import Member
from llmgateway.ports.asking import Question

MAX_WAITING: Final = 200  # of one evaluator
MAX_BYTES: Final = 8 * 1024 * 1024  # of one evaluator


class Asked(NamedTuple):
    """What is to be asked about one exchange, one after the other."""

    member: Member
    exchange_id: str
    questions: Sequence[Question]

    @property
    def size(self) -> int:
        return sum(len(each.body) for each in self.questions)


class Waiting:
    """A line for each evaluator. Where one is full, the oldest go."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Asked]] = {}
        self._sizes: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def count(self, name: str) -> int:
        return len(self._lines.get(name, ()))

    def add(self, asked: Asked) -> int:
        """Let it wait; returns how many had to go."""
        name = asked.member.name
        line = self._lines.setdefault(name, deque())
        line.append(asked)
        self._sizes[name] = self._sizes.get(name, 0) + asked.size
        gone = 0
        while len(line) > MAX_WAITING or (self._sizes[name] > MAX_BYTES and len(line) > 1):
            self._sizes[name] -= line.popleft().size
            gone += 1
        return gone

    def take(self, busy: Mapping[str, int], at_once: int) -> Asked | None:
        """The next of an evaluator that has fewer than `at_once` under way; None: nobody may ask now."""
        for name, line in self._lines.items():
            if line and busy.get(name, 0) < at_once:
                asked = line.popleft()
                self._sizes[name] -= asked.size
                self._lines[name] = self._lines.pop(name)  # who has asked goes behind the others
                return asked
        return None

    def keep_only(self, members: Mapping[str, Member]) -> None:
        """Forget what evaluators wait for that are gone, or are others now."""
        for name in [name for name, line in self._lines.items() if line and members.get(name) != line[0].member]:
            del self._lines[name], self._sizes[name]
