"""What the store has of an exchange, as evaluators see it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from llmgateway.guarding.pieces import pieces_of, texts_of_reply
from llmgateway.ports.evaluator import Case, Why
from llmgateway.ports.store import Body
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.structured import is_answer

MAX_PARSED: Final = 4 * 1024 * 1024  # of one body; what is larger is not looked into
_NOT_STORED: Final = b'{"not_stored":'


def case_of(
    row: Mapping[str, Any],
    bodies: Iterable[Body] = (),
    primary: Iterable[Body] = (),
    usual: Mapping[str, float] | None = None,
) -> Case:
    """Put a case together. `primary`: the bodies of what this one is a copy of, whose request it shares."""
    kept, other = ({body.kind: body for body in each} for each in (bodies, primary))
    request, _ = _document(kept.get("request") or other.get("request"))
    reply, unseen = _document(kept.get("reply"))
    compared, _ = _document(other.get("reply"))
    return Case(
        facts=row,
        request=request,
        reply=reply,
        prompt=pieces_of(request) if request is not None else (),
        answer=None if reply is None else answer_in(reply),
        refused="" if reply is None else refusal_in(reply),
        unseen=unseen,
        reference=None if compared is None else answer_in(compared) or refusal_in(compared),
        usual=usual or {},
    )


def answer_in(reply: Mapping[str, Any]) -> str:
    """What the model says in a reply; nothing where it only thinks, refuses by name or calls tools."""
    return "\n".join(said.piece.text for said in texts_of_reply(reply) if is_answer(said.path))


def refusal_in(reply: Mapping[str, Any]) -> str:
    """The words of a refusal that is one by name."""
    return "\n".join(said.piece.text for said in texts_of_reply(reply) if said.path[-1:] == ("refusal",))


def _document(body: Body | None) -> tuple[Mapping[str, Any] | None, Why]:
    """The JSON of a body; None, and why, where it can't be had."""
    if body is None:
        return None, Why.NO_ANSWER
    if body.content is None or body.content.startswith(_NOT_STORED):
        return None, Why.NOT_KEPT
    if body.is_truncated or len(body.content) > MAX_PARSED:
        return None, Why.CUT
    try:
        document = decode(body.content)
    except JsonError:
        return None, Why.NO_JSON
    return (document, Why.NO_ANSWER) if isinstance(document, dict) else (None, Why.NO_JSON)
