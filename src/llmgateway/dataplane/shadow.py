"""Copies of exchanges, made for a route's shadow version: each in a task of its own, with nobody waiting for it.

A copy begins a turn of the event loop after its primary's request went out. It shares the request's bytes with the
primary and nothing else: own id, own attempt, own record, own end. What befalls it is written down and goes no further.
"""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from typing import Any

from llmgateway.config.snapshot import Route, Shadow
from llmgateway.dataplane.attempt import attempt
from llmgateway.dataplane.call import Errand, Gateway, Request
from llmgateway.dataplane.collect import Pace, collect
from llmgateway.dataplane.own import Head, failed, interrupted, settle_quietly
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Exchange, Phase
from llmgateway.journal import records
from llmgateway.routing.plan import Target
from llmgateway.routing.shadow import LeftOut, Question, ShadowBudget, shadow_target, verdict

logger = logging.getLogger(__name__)


class Shadows:
    """Makes the copies of one worker (dataplane.call.Shadowing), and ends them when the worker leaves."""

    __slots__ = ("_gateway", "_held_bytes", "_pace", "_running")

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._running: set[asyncio.Task[None]] = set()
        self._held_bytes = 0
        self._pace = Pace(gateway.clock)

    def __len__(self) -> int:
        """How many copies are under way."""
        return len(self._running)

    def sent(self, errand: Errand, request: Request) -> None:
        if not errand.is_shadowed:
            errand.is_shadowed = True
            asyncio.get_running_loop().call_soon(self._begin, errand, request)

    async def close(self) -> None:
        """Cut every copy short; each is settled as interrupted when this returns."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _begin(self, primary: Errand, request: Request) -> None:
        """Decide, and start the copy; nothing that goes wrong here reaches the primary."""
        try:
            if primary.reply is not None and primary.reply.fault is not None:
                primary.is_shadowed = False  # its connection was dead: nothing has been sent yet
            else:
                primary.exchange.shadow_left_out = self._copy(primary, request)
        except Exception:
            logger.exception("shadow could not be started", extra={"exchange": primary.exchange.id})

    def _copy(self, primary: Errand, request: Request) -> LeftOut | None:
        """Start a copy if one is due; why not if it is due and can't be."""
        route = primary.route
        if route is None or route.shadow is None or primary.exchange.is_replay:
            return None
        budget = primary.in_force.shadow_budgets[route.name]
        decided = verdict(route.shadow, self._question(primary, request), budget)
        if decided is not True:
            return decided or None
        if self._gateway.overload.step:
            return LeftOut.OVERLOADED
        target = shadow_target(route.shadow, primary.in_force.standings.by_name, self._gateway.draw(), primary.now)
        if target is None:
            return LeftOut.BACKEND
        copy = _errand(primary, route, route.shadow)
        try:
            pending = self._gateway.journal.append(records.admitted(copy.exchange, None), may_use_reserve=False)
        except GatewayError:
            return LeftOut.LOG_FULL
        copy.exchange.is_admitted = True
        self._run(copy, _carry(copy, target, request, pending, self._pace), budget, len(request.body))
        return None

    def _question(self, primary: Errand, request: Request) -> Question:
        return Question(
            primary.exchange.id,
            request.kind,
            primary.exchange.operation.is_stateful,
            len(request.body),
            self._held_bytes,
            self._gateway.is_draining,
        )

    def _run(self, copy: Errand, work: Coroutine[Any, Any, None], budget: ShadowBudget, size: int) -> None:
        route, gauges = copy.exchange.route or "", self._gateway.gauges

        def ended(task: "asyncio.Task[None]") -> None:
            self._running.discard(task)
            self._held_bytes -= size
            gauges.shadows[route] -= 1
            budget.end()
            if not copy.exchange.is_settled:  # it was cut short before its first step
                interrupted(copy, "cut short: the worker leaves")

        task = asyncio.get_running_loop().create_task(work, name="shadow")
        self._running.add(task)
        self._held_bytes += size
        gauges.shadows[route] += 1
        budget.begin()
        task.add_done_callback(ended)


def _errand(primary: Errand, route: Route, shadow: Shadow) -> Errand:
    """The copy's own exchange, as far as it is known: who asks and for what is the primary's, the rest is not."""
    gateway, source, now = primary.gateway, primary.exchange, primary.now
    exchange = Exchange(
        id=gateway.mint(),
        received_at=gateway.clock.time(),
        started=now,
        generation=source.generation,
        dialect=source.dialect,
        operation=source.operation,
        method=source.method,
        path=source.path,
        peer=source.peer,
        key=source.key,
        is_stream=source.is_stream,
        request_model=source.request_model,
        request_bytes=source.request_bytes,
        user=source.user,
        session=source.session,
        tags=source.tags,
        user_agent=source.user_agent,
        route=route.name,
        assigned_version=shadow.version.name,
        probability=shadow.share,
        shadow_of=source.id,
        body_received=now,
        dispatched=now,
    )
    quiet = replace(route, shadow=None, raw_events=False)  # copies have no copies, and keep no stream as it came
    head = Head.of(primary.incoming)
    return Errand(gateway, primary.in_force, head, primary.dialect, exchange, primary.key, quiet, bound=primary.bound)


async def _carry(copy: Errand, target: Target, request: Request, pending: Awaitable[None] | None, pace: Pace) -> None:
    """One attempt, and its reply to the end. Settles the copy, however it ends, and raises nothing but cancellation."""
    exchange = copy.exchange
    exchange.phase = Phase.DISPATCH
    try:
        if pending is not None:
            await pending
        exchange.dispatched = copy.now
        sent = await attempt(copy, target, request)
        try:
            await collect(copy, sent, pace)
        except BaseException:
            if not sent.reply.is_over:  # else the connection is another exchange's by now
                sent.connection.cancel()
            raise
        finally:
            sent.leave(copy.now, is_copy=True)
    except GatewayError as error:
        failed(exchange, error)
    except asyncio.CancelledError:
        interrupted(copy, "cut short: the worker leaves")
        raise
    except Exception:
        logger.exception("shadow failed", extra={"exchange": exchange.id, "phase": exchange.phase})
        failed(exchange, GatewayError("internal_error"))
    settle_quietly(copy)
