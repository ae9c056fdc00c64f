"""The step of the ladder that this worker is on, and what the phases do about it: they read a number, nothing more."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from llmgateway.config.snapshot import Key
from llmgateway.dataplane.reply import Reply
from llmgateway.domain.errors import GatewayError
from llmgateway.http.connection import Connection
from llmgateway.limits.ladder import PRIORITIES, Step, largest
from llmgateway.routing.places import RANK

_SPREAD_S: Final = 3.0


@dataclass(slots=True)
class Overload:
    """Written by `pressure`. `shed`: how many of the priorities are refused, from the lowest on; ordinarily none.

    `streams`: the event streams that are being relayed. `counts`: what has been done so far (`shed`, `cut`, `trim`).
    """

    shed: int = 0
    step: Step = Step.CALM
    cause: str = ""
    memory: float = 0.0  # share of what may be used
    lag_s: float = 0.0
    streams: dict[Reply, Connection] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def check(self, key: Key, draw: float) -> None:
        """GatewayError overloaded where work of this key is shed. `draw` spreads when callers come back."""
        if RANK[key.priority] >= PRIORITIES - self.shed:
            self.counts["shed"] += 1
            raise GatewayError("overloaded", retry_after_s=1.0 + _SPREAD_S * draw)

    def cut(self, excess: float) -> int:
        """End the largest streams, `excess` bytes of them if there are so many; gives how many."""
        chosen = largest([(reply.size, reply) for reply in self.streams], excess)
        for reply in chosen:
            connection = self.streams[reply]
            reply.on_fault(GatewayError("stream_cut"), reusable_retry=False)  # relay tells the caller, by rule F
            connection.cancel()
        self.counts["cut"] += len(chosen)
        return len(chosen)
