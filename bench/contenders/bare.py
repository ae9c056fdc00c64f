"""A proxy in Python that does nothing else: the floor under every gateway in this language."""

from bench.contenders.base import Contender
from bench.process import python


class Bare(Contender):
    name = "bare Python"

    def start(self) -> None:
        self.process = python("bench.bareproxy", str(self.backend))
        self.port = int(self.process.line()["port"])
