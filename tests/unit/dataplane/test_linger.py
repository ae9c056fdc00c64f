from llmgateway.dataplane.linger import LINGER_S, Linger
from llmgateway.domain.clock import ManualClock
from llmgateway.http.deadlines import Sweeper


class Reply:
    is_over = False


class Connection:
    is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


async def lingering():
    clock = ManualClock()
    sweeper = Sweeper(clock)
    reply, connection = Reply(), Connection()
    Linger(reply, connection, sweeper, clock)
    return clock, sweeper, reply, connection


async def test_a_backend_that_does_not_end_its_reply_loses_the_connection_after_a_moment():
    clock, sweeper, _, connection = await lingering()
    clock.advance(LINGER_S - 0.1)
    sweeper.sweep()
    assert not connection.is_cancelled
    clock.advance(0.1)
    sweeper.sweep()
    assert connection.is_cancelled
    assert len(sweeper) == 0
    sweeper.close()


async def test_a_connection_that_has_gone_on_to_another_exchange_is_left_alone():
    clock, sweeper, reply, connection = await lingering()
    reply.is_over = True
    clock.advance(LINGER_S)
    sweeper.sweep()
    assert not connection.is_cancelled
    assert len(sweeper) == 0
    sweeper.close()
