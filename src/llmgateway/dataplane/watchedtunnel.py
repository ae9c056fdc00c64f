"""A tunnel beside which guardrails look at what the caller says: they only flag, so frames pass as in any tunnel."""

from llmgateway.dataplane.attempt import Dispatched
from llmgateway.dataplane.call import Call
from llmgateway.dataplane.lane import Lane
from llmgateway.dataplane.sessionreply import look_back
from llmgateway.dataplane.tunnel import Tunnel
from llmgateway.dataplane.valve import Valve
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.steps import Step
from llmgateway.guarding.watching import Watch
from llmgateway.limits.bodies import Claim
from llmgateway.wire.messages import Message, MessageFlow
from llmgateway.wire.websocket import TEXT

_NOTHING = Step()


class WatchedTunnel(Tunnel):
    """See Tunnel. Where there is no room to put a message together the rest of the session is not looked at."""

    __slots__ = ("_claim", "_lane", "_messages", "_valve", "_watch")

    def __init__(self, call: Call, sent: Dispatched, watch: Watch) -> None:
        super().__init__(call, sent)
        self._watch = watch
        self._claim = Claim(call.gateway.bodies)
        self._messages = MessageFlow(is_masked=True)
        self._valve = Valve(call.incoming)
        self._lane = Lane(self._look, lambda _: None, lambda _: None, self._hold)

    def _take_in(self, ready: bytes) -> None:
        super()._take_in(ready)
        if not self._lane.is_closed:
            self._lane.put(self._messages.feed(ready), lambda: None)
            self._count_held()

    def _look(self, message: Message) -> Step:
        if message.opcode == TEXT:
            self._watch.look(message.payload)
        return _NOTHING

    def _count_held(self) -> None:
        try:
            self._claim.become(self._messages.held + self._lane.held + self._watch.held)
        except GatewayError:
            self.close()

    def _hold(self, is_held: bool) -> None:  # noqa: FBT001 - the lane's callback
        self._valve.turn("judging", is_shut=is_held)

    def _backend_writable(self, is_writable: bool) -> None:  # noqa: FBT001 - the transport's callback
        self._valve.turn("backend", is_shut=not is_writable)

    async def look_back(self) -> None:
        await look_back(self._call, self._reply, self._watch.context, self.bound, self._watch.held)

    def bound(self) -> Guard | None:
        guard = self._call.guard
        return self._watch.bound(guard) if guard is not None else None

    def close(self) -> None:
        """Look no further."""
        self._lane.close()
        self._messages = MessageFlow(is_masked=True)
        self._claim.become(0)
        self._hold(False)
