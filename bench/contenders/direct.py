"""No proxy at all: what the load generator and the backend alone take. The floor under every latency."""

from bench.contenders.base import Contender


class Direct(Contender):
    name = "direct"

    def start(self) -> None:
        self.port = self.backend
