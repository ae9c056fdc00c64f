"""The evaluator `invalid_json`: answers that are not the JSON that the request asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.guardrails.json_schema.schemas import SchemaError, Schemas
from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.options import Options
from llmgateway.wire.structured import wanted

_LONGEST_PATH: Final = 200
_CALLS: Final = frozenset({"tool_calls", "function_call", "tool_use"})


class InvalidJsonEvaluator:
    """Whether an answer is not one JSON document that satisfies the request's schema.

    Options: none. Scores: `invalid_json`, true or false; the comment is `not JSON`, or where the fault is.
    Limits: only where the request asks for JSON (`response_format`, `text.format`, `output_config.format`). Of several
    choices nothing is said. Schemas are bounded as the guardrail `json_schema` bounds them; formats are not checked.
    """

    name = "invalid_json"
    version = "1"
    gives: Sequence[str] = ("invalid_json",)
    needs_bodies = True
    needs_reference = False
    measures: Sequence[str] = ()

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options, ())
        self._schemas = Schemas()

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        schema = wanted(case.request) if case.request is not None else None
        if schema is None or case.facts.get("finish_reason") in _CALLS:
            return Unknown(Why.NOT_ASKED_FOR)
        if case.answer is None:
            return Unknown(case.unseen)
        if case.refused and not case.answer:
            return Unknown(Why.NO_ANSWER)
        choices = (case.reply or {}).get("choices")
        if isinstance(choices, list) and len(choices) > 1:
            return Unknown(Why.UNCLEAR)
        try:
            fault = self._fault(schema, case.answer)
        except SchemaError:
            return Unknown(Why.UNCLEAR)
        return (Given("invalid_json", fault is not None, fault is not None, fault),)

    def _fault(self, schema: Any, answer: str) -> str | None:
        ready = self._schemas.of(schema)
        try:
            path = ready.fault(decode(answer))
        except JsonError:
            return "not JSON"
        return None if path is None else f"at /{'/'.join(map(str, path))}"[:_LONGEST_PATH]
