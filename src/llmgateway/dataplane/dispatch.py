"""Ask backends until one gives an answer worth relaying, within the plan, the deadlines and the retry budget."""

import asyncio

from llmgateway.dataplane.attempt import Dispatched, attempt
from llmgateway.dataplane.call import Errand, Request
from llmgateway.dataplane.hedge import hedged
from llmgateway.dataplane.repair import repaired
from llmgateway.dataplane.settle import record_admitted
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Phase
from llmgateway.domain.operation import BodyKind
from llmgateway.routing.affinity import affinity
from llmgateway.routing.balance import Wish
from llmgateway.routing.course import Course
from llmgateway.routing.hedging import may_hedge
from llmgateway.routing.plan import Plan, Target, after_failure


async def dispatch(call: Errand, plan: Plan, request: Request) -> Dispatched:
    """Attempt after attempt until a reply can be relayed; raises the last attempt's GatewayError when none can."""
    return await repaired(call, await _answered(call, plan, request), request)


async def _answered(call: Errand, plan: Plan, request: Request) -> Dispatched:
    exchange = call.exchange
    exchange.phase = Phase.DISPATCH
    pending = record_admitted(call)
    if pending is not None:
        await pending
    exchange.dispatched = call.now
    budget = call.in_force.budgets[plan.route.name]
    budget.request()
    target = plan.only
    if target is not None and target.standing.is_open and plan.route.hedge is None:
        try:
            return await attempt(call, target, request)
        except GatewayError as error:
            failed: GatewayError | None = error
    else:
        target = failed = None
    return await _go_on(call, plan, request, target, failed)


async def _go_on(
    call: Errand, plan: Plan, request: Request, asked: Target | None, failed: GatewayError | None
) -> Dispatched:
    """Choose backends and ask them, one after the other, after `asked` has `failed` (or from the start)."""
    course = Course(plan, call.in_force.standings)
    if asked is not None:
        course.note(asked)
    wish = Wish(call.now, call.gateway.draw, lambda: affinity(request.document), may_try=_is_repeatable(call, request))
    operation, method = call.exchange.operation, call.incoming.method
    is_hedged = plan.route.hedge is not None and wish.may_try and may_hedge(operation, method)
    while True:
        if failed is not None:
            await _pause(call, course, course.asked, failed, wish)
        wish.now = call.now
        target = course.next(wish)
        if target is None:
            raise failed or GatewayError("no_healthy_upstream")
        try:
            if is_hedged and failed is None:
                return await hedged(call, course, wish, request, target)
            return await attempt(call, target, request)
        except GatewayError as error:
            failed = error


async def _pause(call: Errand, course: Course, tried: int, error: GatewayError, wish: Wish) -> None:
    """Wait until the next attempt is due; raises what the caller is told where there is none."""
    is_over = course.is_over(call.now)
    course.rounds += is_over
    wait_s = after_failure(
        course.plan,
        tried,
        error,
        rounds=course.rounds if is_over else None,
        repeatable=wish.may_try,
        jitter=call.gateway.draw(),
    )
    was_sent = error.code != "overloaded"  # else no backend has had any trouble yet
    if wait_s is None or (was_sent and not call.in_force.budgets[course.plan.route.name].spend()):
        raise course.outcome(error, call.now)
    if is_over:
        course.again()
    if wait_s > 0:
        await asyncio.sleep(wait_s)


def _is_repeatable(call: Errand, request: Request) -> bool:
    if request.kind is BodyKind.STREAM:
        return False
    return call.exchange.operation.is_repeatable or call.incoming.method in {"GET", "HEAD"}
