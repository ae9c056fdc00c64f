"""What the store has of an exchange, as evaluators see it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from llmgateway.guarding.pieces import answer_and_refusal_of, answer_of, pieces_of, refusal_of
from llmgateway.ports.evaluator import Case, Why
from llmgateway.ports.store import Body
from llmgateway.wire.jsoncodec import JsonError, decode

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
    answer, refused = (None, "") if reply is None else answer_and_refusal_of(reply)
    return Case(
        facts=row,
        request=request,
        reply=reply,
        prompt=pieces_of(request) if request is not None else (),
        answer=answer,
        refused=refused,
        unseen=unseen,
        reference=None if compared is None else answer_of(compared) or refusal_of(compared),
        usual=usual or {},
    )


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
