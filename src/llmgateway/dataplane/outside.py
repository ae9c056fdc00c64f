"""What of a request reaches a backend beside its body: the path, the query, some headers, a session's subprotocols.

They go on as they came, for altering them would break what they are. So where one of them has something in it that may
not pass, or not as it is, the request is refused.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import unquote_plus

from llmgateway.dataplane.call import Call
from llmgateway.dataplane.guardedflow import blocked
from llmgateway.dataplane.masking import mask_facts
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.chain import blocking
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.notes import Notes
from llmgateway.wire.query import readings


def check_outside(call: Call, guard: Guard) -> None:
    """Refuse a request with something outside of its body that may not pass; GatewayError guardrail_blocked.

    What ordinary requests have there is remembered, so that it costs next to nothing.
    """
    if guard.request.enforced:
        refuse_found(call, guard, _texts(call))


def refuse_found(call: Call, guard: Guard, texts: Iterable[str]) -> None:
    """Refuse a request if something is found in texts of it that can't be altered; GatewayError guardrail_blocked."""
    hits = guard.forbidden(texts)
    if hits:
        notes = Notes()
        notes.add(Stage.REQUEST, hits)
        call.exchange.verdicts = notes.rows()
        mask_facts(call, guard)
        raise blocked(Blocked(blocking(hits) or hits[0]))


def _texts(call: Call) -> Iterator[str]:
    incoming, in_force = call.incoming, call.in_force
    yield from readings(incoming.path)
    for name, value in incoming.headers:
        if name in in_force.forwarded or name.startswith(in_force.forwarded_prefixes):
            yield from readings(value.decode("utf-8", "replace"))
    if call.request is not None and call.request.upgrade is not None:
        for protocol in call.request.upgrade.offer.protocols:
            yield from readings(protocol.decode("ascii"))
    if incoming.query:
        query = incoming.query.removeprefix(b"?").decode("utf-8", "replace")
        for each in query.split("&"):
            yield from readings(unquote_plus(each))
