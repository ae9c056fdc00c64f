"""A question to a model that judges: an exchange of the gateway's own, with one of its routes.

It is routed, retried and logged as a caller's would be, under the caller's key. What judges with a question of its own
is not asked about it: that would have no end.
"""

import asyncio
from dataclasses import replace
from typing import Final

from llmgateway.config.snapshot import Bodies, Route
from llmgateway.dataplane.attempt import Dispatched
from llmgateway.dataplane.call import Errand, Request
from llmgateway.dataplane.dispatch import dispatch
from llmgateway.dataplane.own import Head, failed, interrupted, settle_quietly
from llmgateway.dataplane.reply import Way
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import End, Exchange, Phase
from llmgateway.domain.operation import BodyKind
from llmgateway.ports.asking import OF_TEXTS, OpinionError, Question
from llmgateway.wire.jsonscan import parse_object

MAX_ANSWER: Final = 1024 * 1024
_DIALECT: Final = "openai"
_STRICTNESS: Final = (Bodies.FULL, Bodies.REDACTED, Bodies.HASH, Bodies.NONE)


async def ask_route(errand: Errand, guardrail: str, route: str, question: Question) -> bytes:
    """Ask a route; gives the body of its answer. GatewayError as `dispatch`, OpinionError for one of another form.

    The exchange is settled when this returns or raises, cancellation included.
    """
    own = _errand(errand, guardrail, route, question)
    gauges = errand.gateway.gauges
    gauges.in_flight[route] += 1
    try:
        answer = await _answer(own, question.body)
    except OpinionError:
        failed(own.exchange, GatewayError("upstream_protocol"))
        raise
    except GatewayError as error:
        failed(own.exchange, error)
        raise
    except asyncio.CancelledError:
        interrupted(own, "cut short: nobody waits for the answer any more")
        raise
    finally:
        gauges.in_flight[route] -= 1
        settle_quietly(own)
    return answer


async def _answer(own: Errand, body: bytes) -> bytes:
    assert own.route is not None
    limits = own.in_force.snapshot.server
    document = parse_object(body, max_depth=limits.max_json_depth, max_tokens=limits.max_json_tokens)
    request = own.request = Request(BodyKind.JSON, body, document)
    choice = own.in_force.choosers[own.route.name].split.choose(None, own.gateway.draw())
    exchange = own.exchange
    exchange.assigned_version, exchange.probability = choice.version.name, choice.probability
    exchange.assigned_by = choice.assigned_by
    sent = await dispatch(own, own.in_force.plans(own.route, choice), request)
    try:
        answer = _whole(sent)
    except BaseException:
        if not sent.reply.is_over:
            sent.connection.cancel()
        raise
    finally:
        sent.leave(own.now)
    exchange.phase, exchange.status, exchange.end = Phase.RELAY, sent.reply.status, End.COMPLETED
    return answer


def _whole(sent: Dispatched) -> bytes:
    reply = sent.reply
    if reply.status in OF_TEXTS:
        raise OpinionError("the question is refused")
    if not reply.is_ok or reply.reader.error is not None:
        raise GatewayError("upstream_error")
    if reply.way is not Way.WHOLE or reply.size > MAX_ANSWER:
        raise OpinionError("the answer is no JSON document of a sensible size")
    return reply.body()


def _errand(asks: Errand, guardrail: str, route: str, question: Question) -> Errand:
    gateway, source, now = asks.gateway, asks.exchange, asks.now
    dialect = gateway.dialects[_DIALECT]
    exchange = Exchange(
        id=gateway.mint(),
        received_at=gateway.clock.time(),
        started=now,
        generation=source.generation,
        dialect=_DIALECT,
        operation=dialect.operation("POST", question.path),
        method="POST",
        path=question.path,
        peer=source.peer,
        key=source.key,
        request_model=route,
        request_bytes=len(question.body),
        tags={"guardrail": guardrail, "judged": source.id},
        route=route,
        body_received=now,
    )
    head = Head("POST", question.path, b"", [(b"content-type", b"application/json")], len(question.body))
    found = asks.in_force.snapshot.routes[route]
    quiet = replace(found, shadow=None, raw_events=False, bodies=_kept_of(asks, found))
    return Errand(gateway, asks.in_force, head, dialect, exchange, asks.key, quiet)


def _kept_of(asks: Errand, route: Route) -> Bodies:
    """What is stored of a question: no more than of what it is about, nor than the route that is asked stores."""
    theirs = asks.route.bodies if asks.route is not None else asks.in_force.snapshot.journal.bodies
    if theirs is Bodies.REDACTED and route.bodies is Bodies.FULL:
        return Bodies.HASH  # nothing on that route would redact it
    return max(theirs, route.bodies, key=_STRICTNESS.index)
