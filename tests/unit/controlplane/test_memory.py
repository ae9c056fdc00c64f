"""What control holds is told, and given back once a backlog has left it."""

from llmgateway.controlplane.memory import GROWN_BYTES, Memory
from llmgateway.domain.clock import ManualClock
from llmgateway.limits.trim import QUIET_S

BASE = 50 << 20


class Stage:
    """A meter and a listener of the test's own."""

    def __init__(self) -> None:
        self.mine, self.trims, self.told = BASE, 0, []
        self.clock = ManualClock()
        self.memory = Memory(self, self.clock, meter=self, trim=self.trim)

    def own(self) -> int:
        return self.mine

    def tell_memory(self, own: int) -> None:
        self.told.append(own)

    def trim(self) -> bool:
        self.trims += 1
        self.mine = BASE
        return True


async def test_it_is_told_at_each_look():
    stage = Stage()
    await stage.memory.look()
    stage.mine += 1
    await stage.memory.look()
    assert (stage.told, stage.trims) == ([BASE, BASE + 1], 0)


async def test_what_it_has_grown_by_is_given_back_once():
    stage = Stage()
    await stage.memory.look()
    stage.mine += GROWN_BYTES
    for _ in range(5):
        stage.clock.advance(QUIET_S)
        await stage.memory.look()
    assert (stage.mine, stage.trims) == (BASE, 1)
