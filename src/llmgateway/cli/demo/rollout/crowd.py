"""The callers of the rollouts' demo: users who come, ask twice, and are gone. They are the witnesses as well."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import openai

from llmgateway.cli.demo.traffic import Outcome, Request, ask, connected
from llmgateway.domain.quantile import quantile

AT_ONCE: Final = 8
MOST: Final = 20_000  # requests of one crowd: whoever forgets a demo finds room on the disk
EVERY_S: Final = 0.025  # between two requests
QUESTIONS: Final = 2  # of one user, who keeps the version of the first
MAX_TOKENS: Final = 64  # some answers want more, and are cut off: a thing to compare
RECENT: Final = 400
STREAMED: Final = 4  # one of so many


@dataclass(slots=True)
class Seen:
    asked: int = 0
    answered: int = 0
    streams: int = 0
    cut: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def note(self, outcome: Outcome) -> None:
        """Count one."""
        self.asked += 1
        self.streams += outcome.request.stream
        self.cut += outcome.is_cut
        if outcome.error is not None:
            self.errors[outcome.error] += 1
            return
        self.answered += 1
        self.durations.append(outcome.total_s)

    def percentile_ms(self, share: int) -> float | None:
        """Of the last answers."""
        return 1000 * quantile(sorted(self.durations), share) if self.durations else None


def questions(salt: str) -> Iterator[Request]:
    """Requests, user after user."""
    for number in range(MOST):
        user = f"user-{salt}{number // QUESTIONS}"
        yield Request(number, "chat", user, number % STREAMED == 0, MAX_TOKENS)


class Crowd:
    """Asks on and on, at a pace that leaves room for everybody else on the machine, until `is_over` or MOST."""

    def __init__(self, base_url: str, key: str, route: str, *, every_s: float = EVERY_S, salt: str = "") -> None:
        self.seen = Seen()
        self.is_over = False
        self._url, self._key, self._route = base_url, key, route
        self._every_s = every_s
        self._requests = questions(salt)
        self._next = 0.0

    async def run(self) -> None:
        """Ask; what is under way when it is over is still heard to its end."""
        async with connected(self._url, self._key) as client, asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._caller(client))

    async def _caller(self, client: openai.AsyncOpenAI) -> None:
        for request in self._requests:
            await asyncio.sleep(self._wait())
            if self.is_over:
                return
            self.seen.note(await ask(client, request, self._route))

    def _wait(self) -> float:
        """Until it is the next one's turn; who is late does not hurry."""
        now = time.monotonic()
        self._next = max(self._next + self._every_s, now)
        return self._next - now
