"""A tunnel whose messages guardrails must see: put together, judged, and written anew, either way.

Nothing but judged messages and codes goes from one side to the other: pings are answered here, and close frames go on
without their reasons. How it ends is the tunnel's own table.
"""

import os
from collections.abc import Callable
from typing import Final, cast

from llmgateway.dataplane.attempt import Dispatched
from llmgateway.dataplane.call import Call
from llmgateway.dataplane.guardedflow import blocked
from llmgateway.dataplane.guardedreply import ReplyGuard
from llmgateway.dataplane.lane import Lane, follow
from llmgateway.dataplane.parting import unguarded
from llmgateway.dataplane.sessionreply import ReplyJudges, Verdicts, look_back
from llmgateway.dataplane.sessionslow import asked_about, must_be_asked
from llmgateway.dataplane.tunnel import Tunnel
from llmgateway.dataplane.upgrade import GuardedOpening
from llmgateway.dataplane.valve import Valve
from llmgateway.dataplane.watchedtunnel import WatchedTunnel
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.facts import Facts
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.judging import may_pass
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.session import GuardedSession
from llmgateway.guarding.steps import Rules, Step
from llmgateway.guarding.watching import Watch, watchers
from llmgateway.limits.bodies import Claim
from llmgateway.ports.session import SessionShape
from llmgateway.wire.messages import Message, MessageFlow
from llmgateway.wire.websocket import CLOSE, PING, PONG, TEXT, FrameFlow, close_frame, frame

MAX_MESSAGE: Final = 8 * 1024 * 1024  # bytes of one message that is judged: as of replies
MAX_DEPTH: Final = 200  # of JSON that is written anew


def tunnel_of(call: Call, sent: Dispatched) -> Tunnel:
    """The tunnel that this session needs."""
    if isinstance(sent.reply, GuardedOpening):
        return GuardedTunnel(call, sent, sent.reply.guard)
    guard = call.guard
    if guard is None or not (guard.judges or watchers(guard) or guard.binders or guard.reply_judges):
        return Tunnel(call, sent)
    notes = call.notes = call.notes or Notes()
    facts = Facts() if guard.binders or guard.reply_judges else None
    return WatchedTunnel(call, sent, Watch(watchers(guard), guard.judges, notes, _bounds(call), facts))


class GuardedTunnel(Tunnel):
    """See Tunnel."""

    __slots__ = (
        "_backend",
        "_caller",
        "_claim",
        "_decide_at",
        "_hold_s",
        "_in",
        "_messages_in",
        "_messages_out",
        "_out",
        "_session",
        "_verdicts",
    )

    def __init__(self, call: Call, sent: Dispatched, guard: ReplyGuard) -> None:
        super().__init__(call, sent)
        limit = min(call.in_force.snapshot.server.max_tunnel_message_bytes, MAX_MESSAGE)
        self._from_caller = FrameFlow(is_masked=True, max_message=limit)
        self._from_backend = FrameFlow(is_masked=False, max_message=limit)
        self._claim = Claim(call.gateway.bodies)
        self._messages_in = MessageFlow(is_masked=True)
        self._messages_out = MessageFlow(is_masked=False)
        assert call.guard is not None  # else there were no ReplyGuard
        self._session = GuardedSession(_rules(call, call.guard, guard), guard.notes, guard.placeholders)
        self._caller, self._backend = Valve(call.incoming), Valve(sent.connection)
        ask = asked_about(call, self._session, guard)
        self._in = Lane(self._of_caller, self._act_in, self._failed, self._hold_in, ask)
        self._out = Lane(self._of_backend, self._act, self._failed, self._hold_out, burden=lambda: self._session.burden)
        self._verdicts = self._new_verdicts(guard) if call.guard.holds_replies else None
        self._hold_s = guard.hold_s
        self._decide_at: float | None = None

    def _new_verdicts(self, guard: ReplyGuard) -> Verdicts:
        return Verdicts(
            ReplyJudges(self._call, self._session, guard).about,
            act=self._act,
            fail=self._failed,
            is_free=lambda: not self._out.is_busy,
            then=self._look_at_backend,
            hold=lambda is_held: self._backend.turn("verdicts", is_shut=is_held),
        )

    # --- what comes

    def _take_in(self, ready: bytes) -> None:
        flow = self._from_caller
        if flow.close is not None:
            flow.close = _without_reason(flow.close_code, mask=os.urandom(4))
        if self.ended.done():
            self._look_at_caller()
            return
        said = [each for each in self._messages_in.feed(ready) if not _is_ping(each, self._answer_caller)]
        self._in.put(said, self._look_at_caller)
        self._count_held()

    def _take_out(self, ready: bytes) -> None:
        flow = self._from_backend
        if flow.close is not None:
            flow.close = _without_reason(flow.close_code)
        said = [each for each in self._messages_out.feed(ready) if not _is_ping(each, self._answer_backend)]
        self._out.put(said, self._judged_out)

    def _judged_out(self) -> None:
        """All that has come is judged, so what was judged meanwhile may follow."""
        if self._verdicts is not None:
            self._verdicts.flush()
        self._look_at_backend()

    def _look_at_backend(self) -> None:
        if self._out.is_busy or self.ended.done():
            return  # it is looked at again once that is done
        if self._from_backend.is_over or self._is_backend_gone:
            self._safely(self._session.finish)
            if self._verdicts is not None and self._verdicts.is_busy:
                return  # it goes on when all is judged that was said before the end
        super()._look_at_backend()

    def _caller_closed(self, raw: bytes) -> None:
        self._life.heard = self._clock.monotonic()  # judging what was said before it may have taken a while
        super()._caller_closed(raw)

    def _count_held(self) -> None:
        """What callers have said in half counts as request bodies do, and what is kept of what they have said."""
        if not self._in.is_closed:
            self._claim.follow(lambda: self._messages_in.held + self._in.held + self._session.held, self._relieve)

    def _relieve(self, error: GatewayError) -> bool:
        """There is no room: have something given up that waits, or the session."""
        if self._out.is_busy:
            return False  # what could be given up is being judged; it is counted again behind that
        relieved: list[Step] = []
        follow(lambda: self._session.relieved(error), relieved.append, self._failed)
        for step in relieved:
            self._tell(step)
        return bool(relieved)

    def _of_caller(self, message: Message) -> Step:
        session = self._session
        return session.said(message.payload) if message.opcode == TEXT else session.refuse_bytes()

    def _of_backend(self, message: Message) -> Step:
        session = self._session
        return session.heard(message.payload) if message.opcode == TEXT else session.refuse_bytes()

    def _answer_caller(self, payload: bytes) -> None:
        if not self.ended.done():
            self._call.incoming.write(frame(PONG, payload))

    def _answer_backend(self, payload: bytes) -> None:
        """Who pings and does not read the answers gets none."""
        if not self.ended.done() and "backend" not in self._caller.reasons:
            self._connection.send_piece(frame(PONG, payload, mask=os.urandom(4)))

    # --- what follows

    def _act_in(self, step: Step) -> None:
        if not self.ended.done():
            self._session.sent(step)
            self._count_held()
        self._act(step)

    def _act(self, step: Step) -> None:
        self._tell(step)
        self._count_held()
        self._give_up_late()  # whoever says much is judged all the time, and it would never be the deadline's turn

    def _tell(self, step: Step) -> None:
        for event in step.logged:
            self._reply.reader.event(b"", event)
        if self.ended.done():
            return
        for event in step.to_caller:
            self._call.incoming.write(frame(TEXT, event))
        for event in step.to_backend:
            self._connection.send_piece(frame(TEXT, event, mask=os.urandom(4)))
        if step.is_text and self._session.is_waiting:
            self._decide_at = self._clock.monotonic() + self._hold_s
        if self._verdicts is not None:
            self._verdicts.put(step.ready)
        self._look_again()

    def _safely(self, judge: Callable[[], Step]) -> None:
        follow(judge, self._act, self._failed)

    def _failed(self, error: GatewayError) -> None:
        self._end(unguarded(error))

    # --- deadlines: a text does not wait for ever for what follows it

    def expire(self) -> None:
        """Called by the sweeper."""
        now = self._clock.monotonic()
        if self._in.is_busy and self._from_caller.close is not None and not self.ended.done():
            self.deadline = now + self._hold_s  # what was said before the close is still being judged
            return
        if self.ended.done() or self._from_caller.close is not None or not any(at <= now for at in self._times()):
            super().expire()
            return
        self._decide(now)
        if not self.ended.done():
            self._arm()

    def _decide(self, now: float) -> None:
        if self._out.is_busy:
            self._decide_at = now + self._hold_s  # the backend is not silent: it is kept waiting
            return
        self._give_up_late()
        if self._decide_at is None or self._decide_at > now or self.ended.done():
            return
        if self._backend.reasons:
            self._decide_at = now + self._hold_s
        else:
            self._decide_at = None
            self._safely(self._session.decide)

    def _give_up_late(self) -> None:
        due_at = None if self._out.is_busy or self.ended.done() else self._session.due_at
        if due_at is not None and due_at <= self._clock.monotonic():
            self._safely(self._session.overdue)

    def _times(self) -> list[float]:
        """When something must be decided that waits."""
        due_at = None if self._out.is_busy else self._session.due_at
        return [at for at in (self._decide_at, due_at) if at is not None]

    def _arm(self) -> None:
        super()._arm()
        self._look_again()

    def _look_again(self) -> None:
        if self.deadline is not None and self._from_caller.close is None:
            self.deadline = min([self.deadline, *self._times()])

    # --- back-pressure: what a caller says is answered, too, so who does not read is not heard

    def _caller_writable(self, is_writable: bool) -> None:  # noqa: FBT001 - the transport's callback
        for valve in (self._caller, self._backend):
            valve.turn("caller", is_shut=not is_writable)

    def _backend_writable(self, is_writable: bool) -> None:  # noqa: FBT001 - the transport's callback
        self._caller.turn("backend", is_shut=not is_writable)

    def _hold_in(self, is_held: bool) -> None:  # noqa: FBT001 - the lane's callback
        self._caller.turn("judging", is_shut=is_held)
        self._count_held()

    def _hold_out(self, is_held: bool) -> None:  # noqa: FBT001 - the lane's callback
        self._backend.turn("judging", is_shut=is_held)

    # --- the end

    async def look_back(self) -> None:
        session = self._session
        await look_back(self._call, self._reply, session.context, lambda: session.bound, session.held)

    def bound(self) -> Guard | None:
        return self._session.bound

    def go_away(self) -> None:
        if not self.ended.done() and not self._out.is_busy:
            self._safely(self._session.finish)
        super().go_away()

    def close(self) -> None:
        self._claim.become(0)
        self._in.close()
        self._out.close()
        if self._verdicts is not None:
            self._verdicts.close()

    @property
    def _is_out_whole(self) -> bool:
        return True

    @property
    def _is_in_whole(self) -> bool:
        return True

    @property
    def _is_half_said(self) -> bool:
        return False


def _is_ping(message: Message, answer: Callable[[bytes], None]) -> bool:
    """Whether it is a ping, or an answer to none of ours: nothing of what it carries goes on."""
    if message.opcode == PING:
        answer(message.payload)
    return message.opcode in {PING, PONG}


def _without_reason(code: int | None, mask: bytes | None = None) -> bytes:
    return frame(CLOSE, mask=mask) if code is None else close_frame(code, mask=mask)


def _rules(call: Call, guard: Guard, judged: ReplyGuard) -> Rules:
    depth, tokens = _bounds(call)
    return Rules(
        request=guard.request,
        reply=judged.chain,
        judges=guard.judges,
        shape=cast(SessionShape, judged.shape),
        complain=lambda error, about: call.dialect.session_error(error, call.exchange.id, about),
        blocked=blocked,
        max_depth=depth,
        max_tokens=tokens,
        passes_sound=call.in_force.snapshot.guarding.passes_sound,
        has_slow=bool(must_be_asked(guard)),
        restores=guard.restores,
        bind=guard.bound_to if guard.binders else None,
        holds=guard.holds_replies,
        tells=bool(guard.binders or guard.reply_judges),
        now=call.gateway.clock.monotonic,
        may_pass=lambda why: may_pass(guard.reply_judges, why, Stage.REPLY, judged.notes),
    )


def _bounds(call: Call) -> tuple[int, int]:
    """How deep the JSON of a message may be, and how many elements it may have."""
    limits = call.in_force.snapshot.server
    return min(limits.max_json_depth, MAX_DEPTH), limits.max_json_tokens
