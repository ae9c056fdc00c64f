"""The evaluator `error`: exchanges that failed, where the version or its backend is to blame."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.errors import ERRORS, Fault
from llmgateway.domain.exchange import End
from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.options import Options

_LEFT: Final = frozenset({End.CLIENT_CLOSED.value, End.CLIENT_STALLED.value})
_TOO_MANY: Final = 429
_CALLERS: Final = 400
_SERVERS: Final = 500


class ErrorEvaluator:
    """Whether an exchange failed through its version or backend.

    Options: none. Scores: `error`, true or false; the comment is the error's code.
    Limits: what callers broke off, or asked for wrongly, and what never came to a version is not judged. An answer that
    is wrong in what it says is no error.
    """

    name = "error"
    version = "1"
    gives: Sequence[str] = ("error",)
    needs_bodies = False
    needs_reference = False
    measures: Sequence[str] = ()

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options, ())

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        facts = case.facts
        if facts.get("end") in _LEFT or facts.get("assigned_version") is None or _is_callers(facts):
            return Unknown(Why.CALLER)
        is_bad = facts.get("end") != End.COMPLETED.value or _is_fault(facts.get("status") or 0)
        return (Given("error", is_bad, is_bad, _comment(facts) if is_bad else None),)


def _is_fault(status: int) -> bool:
    return status >= _SERVERS or status == _TOO_MANY


def _is_callers(facts: Mapping[str, Any]) -> bool:
    """A request that no version could have answered well."""
    if facts.get("end") == End.COMPLETED.value:
        status = facts.get("status") or 0
        return status >= _CALLERS and not _is_fault(status)
    kind = ERRORS.get(facts.get("error_code") or "")
    return facts.get("end") == End.REFUSED.value and (kind is None or kind.fault is not Fault.UPSTREAM)


def _comment(facts: Mapping[str, Any]) -> str:
    return str(
        facts.get("error_code") or (f"status {facts.get('status')}" if facts.get("status") else facts.get("end"))
    )
