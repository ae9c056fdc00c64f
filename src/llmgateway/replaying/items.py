"""Items of a dataset: out of a logged exchange, out of a line of JSON, and back. Pure."""

import math
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.ports.datasets import MAX_ITEM_BYTES, DatasetItem
from llmgateway.ports.store import Body, Row
from llmgateway.replaying.prompts import OPERATIONS, has_effects, is_path, prompt_hash, read
from llmgateway.wire.jsoncodec import JsonError, decode, encode

FACTS: Final = (
    "at", "key", "request_model", "served_version", "status", "end", "error_code", "finish_reason", "duration_s",
    "first_token_s", "input_tokens", "output_tokens", "cost_usd", "stream",
)  # fmt: skip
_LONGEST_WORD: Final = 1_000
_LONGEST_PATH: Final = 2_000
_DIALECTS: Final = {"/messages": "anthropic"}
_MEMBERS: Final = frozenset(
    {"ordinal", "exchange_id", "prompt_hash", "dialect", "path", "stratum", "redaction", "facts", "request", "reply"}
    | {"erased_at"}
)


class LeftOutError(Exception):
    """The exchange makes no item; `reason` is one word of a closed set."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadItemError(ValueError):
    """The line is no item; the message says why."""


def item_of(row: Row, bodies: Iterable[Body], stratum: str | None) -> DatasetItem:
    """The item that an exchange makes, with its `verdicts`; raises LeftOutError. Its ordinal is 0."""
    if row["erased_at"] is not None:
        raise LeftOutError("erased")
    if row["operation"] not in OPERATIONS or row["method"] != "POST" or not is_path(row["path"]):
        raise LeftOutError("operation")
    by_kind = {body.kind: body for body in bodies}
    request = _kept(by_kind.get("request"))
    document = read(request)
    if document is None:
        raise LeftOutError("not_json")
    if has_effects(document):
        raise LeftOutError("effects")
    reply = by_kind.get("reply")
    whole = reply.content if reply is not None and not reply.is_truncated else None
    return DatasetItem(
        0,
        row["id"],
        prompt_hash(document),
        row["dialect"],
        row["path"],
        stratum,
        redaction_of(row.get("verdicts", ())),
        {name: row[name] for name in FACTS if row[name] is not None},
        request,
        whole if whole is None or len(whole) <= MAX_ITEM_BYTES else None,
    )


def _kept(body: Body | None) -> bytes:
    if body is None or body.content is None:
        raise LeftOutError("no_body")
    if body.is_truncated:
        raise LeftOutError("truncated")
    if len(body.content) > MAX_ITEM_BYTES:
        raise LeftOutError("too_large")
    return body.content


def redaction_of(verdicts: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What guardrails had taken out of the request before it was logged, by kind."""
    acting = {Action.REDACT.value, Action.BLOCK.value}
    return tuple(
        sorted(
            {
                each["kind"]
                for each in verdicts
                if each["stage"] == Stage.REQUEST and each["mode"] == Mode.ENFORCE and each["action"] in acting
            }
        )
    )


class ContentHash:
    """The hash of a version: of its requests, byte for byte and in order."""

    def __init__(self) -> None:
        self._whole = sha256()

    def add(self, items: Iterable[DatasetItem]) -> None:
        for item in items:
            self._whole.update(sha256(item.request or b"").digest())

    def told(self) -> str:
        return self._whole.hexdigest()


def shown(item: DatasetItem) -> dict[str, Any]:
    """The item as JSON has it. Bodies are text, so that what comes back is the same to the byte."""
    return {
        "ordinal": item.ordinal,
        "exchange_id": item.exchange_id,
        "prompt_hash": item.prompt_hash,
        "dialect": item.dialect,
        "path": item.path,
        "stratum": item.stratum,
        "redaction": list(item.redaction),
        "facts": dict(item.facts),
        "request": _text(item.request),
        "reply": _text(item.reply),
        "erased_at": item.erased_at,
    }


def line_item(line: bytes, ordinal: int) -> DatasetItem | None:
    """The item of a line of JSON; None for one that was erased. Raises BadItemError.

    `request` is enough, as an object or as text; a line that is a request itself will do, too.
    """
    try:
        document = decode(line)
    except JsonError as error:
        raise BadItemError(f"it is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadItemError("it is no JSON object")
    if document.get("erased_at") is not None:
        return None
    if "request" not in document and ("messages" in document or "input" in document or "prompt" in document):
        document = {"request": document}
    return read_item(document, ordinal)


def read_item(document: Mapping[str, Any], ordinal: int) -> DatasetItem:
    """The item that a JSON object says; raises BadItemError. Hash and ordinal are made anew, whatever it says."""
    if unknown := document.keys() - _MEMBERS:
        raise BadItemError(f"there is no member {min(unknown)[:40]!r}")
    request = _body(document, "request")
    asked = None if request is None else read(request)
    if request is None or asked is None:
        raise BadItemError("request has to be a JSON object")
    if has_effects(asked):
        raise BadItemError("the request would do more than be answered: hosted tools, or a provider's memory")
    path = _word(document, "path", _LONGEST_PATH) or _path(asked)
    if not is_path(path):
        raise BadItemError("path has to be one of a chat, as /v1/chat/completions")
    return DatasetItem(
        ordinal,
        _word(document, "exchange_id"),
        prompt_hash(asked),
        _word(document, "dialect") or _DIALECTS.get(path[path.rfind("/") :], "openai"),
        path,
        _word(document, "stratum"),
        _kinds(document.get("redaction")),
        _facts(document.get("facts")),
        request,
        _body(document, "reply"),
    )


def _path(asked: Mapping[str, Any]) -> str:
    if "input" in asked:
        return "/v1/responses"
    return "/v1/chat/completions" if "messages" in asked else "/v1/completions"


def _body(document: Mapping[str, Any], name: str) -> bytes | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str | dict):
        raise BadItemError(f"{name} has to be an object, or text")
    try:
        content = value.encode() if isinstance(value, str) else encode(value)
    except UnicodeEncodeError:
        raise BadItemError(f"{name} holds what is no text") from None
    if len(content) > MAX_ITEM_BYTES:
        raise BadItemError(f"{name} is larger than {MAX_ITEM_BYTES:,} bytes")
    return content


def _word(document: Mapping[str, Any], name: str, longest: int = _LONGEST_WORD) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise BadItemError(f"{name} has to be a word of at most {longest:,} characters")
    return value


def _kinds(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > 100 or not all(isinstance(each, str) for each in value):
        raise BadItemError("redaction has to be a list of kinds")
    return tuple(each[:_LONGEST_WORD] for each in value)


def _facts(value: Any) -> dict[str, Any]:
    """Known names with plain values; whatever else stands there is dropped."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadItemError("facts has to be an object")
    return {name: value[name] for name in FACTS if _is_plain(value.get(name))}


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= _LONGEST_WORD)


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")
