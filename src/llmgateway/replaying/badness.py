"""What was bad about one answer, by rules alone. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from llmgateway.domain.exchange import End
from llmgateway.domain.verdict import Action, Mode
from llmgateway.guarding.pieces import answer_of, refusal_of
from llmgateway.guardrails.json_schema.schemas import SchemaError, Schemas
from llmgateway.ports.store import Row
from llmgateway.replaying.pairs import Bad
from llmgateway.replaying.prompts import read
from llmgateway.wire.cutoff import CUT_OFF
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.refusals import REASONS, declines
from llmgateway.wire.structured import wanted

_CALLS: Final = frozenset({"tool_calls", "tool_use", "function_call"})


class Judge:
    """Says what was bad about answers. `slow_s`: how long one may take; None: nobody minds."""

    def __init__(self, slow_s: float | None = None) -> None:
        self._slow_s = slow_s
        self._schemas = Schemas()

    def bad(self, row: Row | None, request: bytes, reply: bytes | None) -> tuple[Bad, ...]:
        """What was bad, in the order of `Bad`. `row` with its `verdicts`; None: nothing is known of the exchange.

        `reply` None, or cut: what it says is not judged.
        """
        if row is None:
            return (Bad.ERROR,)
        if _is_blocked(row):
            return (Bad.BLOCKED,)
        if row["end"] != End.COMPLETED or (row["status"] or 0) >= 400:
            return (Bad.ERROR,)
        found = set(self._of_the_text(row, request, reply))
        if row["finish_reason"] in CUT_OFF:
            found.add(Bad.TRUNCATED)
        if self._slow_s is not None and (row["duration_s"] or 0.0) > self._slow_s:
            found.add(Bad.SLOW)
        return tuple(each for each in Bad if each in found)

    def _of_the_text(self, row: Row, request: bytes, reply: bytes | None) -> list[Bad]:
        if row["finish_reason"] in REASONS:
            return [Bad.REFUSAL]
        document = read(reply) if reply is not None else None
        if document is None or row["finish_reason"] in _CALLS:
            return []
        text = answer_of(document)
        if not text.strip():
            return [Bad.REFUSAL] if refusal_of(document) else [] if _calls(document) else [Bad.EMPTY]
        found = [Bad.REFUSAL] if declines(text) else []
        if self._is_other_than_asked(request, text):
            found.append(Bad.SCHEMA)
        return found

    def _is_other_than_asked(self, request: bytes, text: str) -> bool:
        schema = wanted(read(request) or {})
        if schema is None:
            return False
        try:
            return self._schemas.of(schema).fault(decode(text)) is not None
        except JsonError:
            return True
        except SchemaError:
            return False  # it can't be judged by that


def _calls(document: Mapping[str, Any]) -> bool:
    choices, output, content = document.get("choices"), document.get("output"), document.get("content")
    messages = [each.get("message") for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []
    if any(isinstance(each, dict) and (each.get("tool_calls") or each.get("function_call")) for each in messages):
        return True
    blocks = [*(output if isinstance(output, list) else ()), *(content if isinstance(content, list) else ())]
    return any(isinstance(each, dict) and str(each.get("type")).endswith(("_call", "tool_use")) for each in blocks)


def _is_blocked(row: Row) -> bool:
    return row["error_code"] == "guardrail_blocked" or any(
        each["action"] == Action.BLOCK and each["mode"] == Mode.ENFORCE for each in row.get("verdicts", ())
    )
