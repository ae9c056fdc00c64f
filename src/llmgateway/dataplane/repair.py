"""One more try where an answer is not what was asked for: the same backend is told what is wrong with it.

Only whole answers, and only once: what comes then is judged like any other.
"""

from dataclasses import replace

from llmgateway.dataplane.attempt import Dispatched, attempt
from llmgateway.dataplane.call import Errand, Request
from llmgateway.dataplane.opinions import texts_so_far
from llmgateway.dataplane.reply import Way
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import UNFIT, AttemptKind
from llmgateway.domain.verdict import Mode
from llmgateway.guarding.judging import shown_to
from llmgateway.wire.jsoncodec import encode


async def repaired(call: Errand, sent: Dispatched, request: Request) -> Dispatched:
    """Give the better answer, if a judge of replies wants one, the retry budget allows it and the backend has it."""
    guard = call.guard
    if guard is None or not guard.reply_judges or not sent.reply.is_ok or sent.reply.way is not Way.WHOLE:
        return sent
    try:
        better = await _better(call, sent, request)
    except BaseException:
        sent.leave(call.now)
        raise
    if better is None:
        return sent
    _set_aside(call, sent)
    return better


async def _better(call: Errand, sent: Dispatched, request: Request) -> Dispatched | None:
    again = await _again(call, sent, request)
    if again is None or not call.in_force.budgets[call.exchange.route or ""].spend():
        return None
    sent.give_up_place(call.now)  # or it might wait for its own
    try:
        return await attempt(call, replace(sent.target, kind=AttemptKind.REPAIR, is_trial=False), again)
    except GatewayError:
        call.reply = sent.reply
        return None


async def _again(call: Errand, sent: Dispatched, request: Request) -> Request | None:
    """The request with the answer behind it and what is wrong with that; None where nothing is, or nobody could say."""
    ask = getattr(call.dialect, "again", None)
    guard = call.guard
    if ask is None or guard is None or request.document is None:
        return None
    said = await texts_so_far(sent.reply)
    for link in guard.reply_judges:
        complaint = getattr(link.guardrail, "complaint", None)
        texts = [piece.text for piece in shown_to(link, said)] if complaint and link.mode is Mode.ENFORCE else []
        words = complaint(texts[0]) if complaint and len(texts) == 1 else None
        if words is not None:
            document = ask(call.exchange.operation.name, request.document, texts[0], words)
            if document is not None:
                return replace(request, body=encode(document), document=document, members=None, sha256=None)
    return None


def _set_aside(call: Errand, sent: Dispatched) -> None:
    """The first answer is nobody's; it was paid for all the same."""
    sent.leave(call.now)
    usage, unfit = sent.reply.reader.usage, sent.reply.attempt
    unfit.result = UNFIT
    unfit.input_tokens, unfit.output_tokens = usage.input_tokens, usage.output_tokens
