"""The evaluator `empty_or_truncated`: answers without a word, or without an end."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.exchange import End
from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.cutoff import CUT_OFF
from llmgateway.wire.options import Options

_CALLED: Final = frozenset({"tool_calls", "function_call", "tool_use"})


class EmptyOrTruncatedEvaluator:
    """Whether an answer says nothing, breaks off, or ends where its token limit does.

    Options: none. Scores: `empty_or_truncated`, true or false; the comment is `empty`, `broken off` or `token limit`.
    Limits: a caller who asks for few tokens gets few. Calls of tools are answers. What only lacks its end in the store
    is not judged.
    """

    name = "empty_or_truncated"
    version = "2"
    gives: Sequence[str] = ("empty_or_truncated",)
    needs_bodies = True
    needs_reference = False
    measures: Sequence[str] = ()

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options, ())

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        why = _fault(case)
        if isinstance(why, Unknown):
            return why
        return (Given("empty_or_truncated", why is not None, why is not None, why),)


def _fault(case: Case) -> str | Unknown | None:
    if case.facts.get("end") == End.TRUNCATED.value:
        return "broken off"
    if case.facts.get("end") != End.COMPLETED.value or (case.facts.get("status") or 0) >= 400:
        return Unknown(Why.NO_ANSWER)
    reason = case.facts.get("finish_reason")
    if reason in CUT_OFF:
        return "token limit"
    if reason in _CALLED:
        return None
    if case.answer is None:
        return Unknown(case.unseen)
    return None if case.answer.strip() or case.refused or _calls(case.reply or {}) else "empty"


def _calls(reply: Mapping[str, Any]) -> bool:
    """Whether there is something else than text in it."""
    choices = reply.get("choices")
    messages = [each.get("message") for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []
    if any(isinstance(each, dict) and each.get("tool_calls") for each in messages):
        return True
    blocks = reply.get("content") or reply.get("output")
    kinds = {str(each.get("type")) for each in blocks if isinstance(each, dict)} if isinstance(blocks, list) else set()
    return bool(kinds - {"text", "message", "reasoning", "thinking"})
