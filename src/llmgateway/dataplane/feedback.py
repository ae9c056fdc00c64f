"""What users say of answers. It is taken in at once: whose exchange that was, and whether there is one, is found out by
the control plane, which looks at nothing but the journal.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from llmgateway.auth.browser import is_token, signing_key, verify
from llmgateway.auth.keys import presented
from llmgateway.dataplane.answers import JSON_TYPE, own_head
from llmgateway.dataplane.call import Call
from llmgateway.dataplane.masking import pseudonym
from llmgateway.dataplane.phases import authenticate, body_kind
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.ids import is_exchange_id, named_id
from llmgateway.domain.score import BadScoreError, DataType, Score, SourceKind, read_given, word_in
from llmgateway.guarding.guards import Guard
from llmgateway.journal import records
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.jsonscan import members, parse_object

logger = logging.getLogger(__name__)

PATH: Final = "/v1/feedback"
MAX_BODY: Final = 16 * 1024
BROWSER: Final = "browser"  # what speaks through a token
TOKEN_RATE: Final = 1.0  # a second, of one token's exchange
TOKEN_BURST: Final = 20
_FIELDS: Final = frozenset({"exchange_id", "reference", "source_id"})
_FAILED: Final = "[not stored: a guardrail failed]"


class Source(NamedTuple):
    """Who speaks. `key`: whose exchanges it may score; `exchange_id`: the only one, where a token says so."""

    source_id: str
    key: str | None
    exchange_id: str | None


async def feedback(call: Call) -> None:
    """Take one score, and say so once it is in the journal.

    GatewayError for whatever is wrong with it, rate_limited, and log_store_full.
    """
    if call.incoming.method != "POST":
        raise GatewayError("method_not_allowed")
    source = _source(call)
    _check_rate(call, source)
    score = _masked(call, _score(call, source, await _document(call)))
    durable = call.gateway.journal.append(
        records.scored(score, call.in_force.snapshot.generation), may_use_reserve=False
    )
    if durable is not None:
        await durable
    call.incoming.respond(202, own_head(call) + JSON_TYPE, encode({"id": score.id, "status": "accepted"}))


def _source(call: Call) -> Source:
    """GatewayError as `authenticate`."""
    credential = presented(call.incoming.header)
    if credential is None or not is_token(credential):
        name = authenticate(call).name
        return Source(name, name, None)
    key = signing_key(call.in_force.snapshot.scores, call.gateway.token_secret)
    exchange_id = verify(key, credential, call.exchange.received_at)
    return Source(BROWSER, None, exchange_id)


def _check_rate(call: Call, source: Source) -> None:
    gateway, scores = call.gateway, call.in_force.snapshot.scores
    if gateway.overload.shed and call.key is not None:
        gateway.overload.check(call.key, gateway.draw())
    if source.exchange_id is None:
        gateway.rates.take(f"key {source.key}", call.now, rate=scores.rate, burst=scores.burst)
    else:
        gateway.rates.take(f"token {source.exchange_id}", call.now, rate=TOKEN_RATE, burst=TOKEN_BURST)


async def _document(call: Call) -> dict[str, Any]:
    body_kind(call)  # JSON, or refused
    limits = call.in_force.snapshot.server
    body = await call.incoming.read(MAX_BODY)
    document = parse_object(body, max_depth=limits.max_json_depth, max_tokens=limits.max_json_tokens)
    if len(members(body)) > len(document):
        raise GatewayError("duplicate_key")
    return document


def _score(call: Call, source: Source, document: Mapping[str, Any]) -> Score:
    try:
        given = read_given(document, _FIELDS)
        exchange_id, reference = _target(source, document)
        source_id = _speaker(source, document)
    except BadScoreError as error:
        raise GatewayError("invalid_value", error.message, param=error.field) from None
    if given.idempotency_key is None:
        score_id = call.gateway.mint()
    else:
        score_id = named_id(SourceKind.USER, source.key or f"token {source.exchange_id}", given.idempotency_key)
    return Score(
        score_id,
        call.exchange.received_at,
        given.name,
        given.data_type,
        given.value,
        SourceKind.USER,
        source_id,
        exchange_id=exchange_id,
        reference=reference,
        key=source.key,
        comment=given.comment,
    )


def _target(source: Source, document: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Which exchange is meant: its id, or its caller's reference. Raises BadScoreError."""
    exchange_id, reference = word_in(document, "exchange_id"), word_in(document, "reference")
    if exchange_id is not None:
        exchange_id = exchange_id.lower()
        if not is_exchange_id(exchange_id):
            raise BadScoreError("exchange_id", "exchange_id must be an id from the header x-llmgateway-exchange-id.")
    if source.exchange_id is not None:
        if reference is not None:
            raise BadScoreError("reference", "A feedback token is for one exchange: leave out reference.")
        if exchange_id not in {None, source.exchange_id}:
            raise BadScoreError("exchange_id", "The feedback token is for another exchange.")
        return source.exchange_id, None
    if (exchange_id is None) == (reference is None):
        raise BadScoreError("exchange_id", "Name the exchange by exchange_id or by reference, one of the two.")
    return exchange_id, reference


def _speaker(source: Source, document: Mapping[str, Any]) -> str:
    """Which of the users of a key it is, where its application says so. Raises BadScoreError."""
    said = word_in(document, "source_id")
    if said is not None and source.exchange_id is not None:
        raise BadScoreError("source_id", "A feedback token speaks for the browser: leave out source_id.")
    return said or source.source_id


def _masked(call: Call, score: Score) -> Score:
    """The score as it may be stored. It belongs to a route that nobody knows yet, so the strictest one's rule holds."""
    guard = call.in_force.guards.strictest
    if guard is None:
        return score
    try:
        return _redacted(guard, score)
    except Exception:
        logger.exception("feedback could not be redacted", extra={"exchange": call.exchange.id})
        return _bare(score)


def _redacted(guard: Guard, score: Score) -> Score:
    value, comment, reference = score.value, score.comment, score.reference
    if isinstance(value, str):
        value = _clean(guard, value, is_short=score.data_type is DataType.CATEGORY)
    if comment is not None:
        comment = guard.masked_text(comment)
    if reference is not None:  # as the exchange's own was
        reference = _clean(guard, reference, is_short=True)
    source_id = score.source_id if guard.is_clean(score.source_id) else pseudonym(guard, score.source_id)
    return replace(score, value=value, comment=comment, reference=reference, source_id=source_id)


def _clean(guard: Guard, text: str, *, is_short: bool) -> str:
    return text if is_short and guard.is_clean(text) else guard.masked_text(text)


def _bare(score: Score) -> Score:
    """The score without a word of what was written in it."""
    is_said = isinstance(score.value, str)
    return replace(
        score,
        value=_FAILED if is_said else score.value,
        data_type=DataType.TEXT if is_said else score.data_type,
        comment=None,
        reference=_FAILED if score.reference is not None else None,
        source_id=score.key or BROWSER,
    )
