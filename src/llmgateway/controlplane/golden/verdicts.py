"""What a golden question's answer was worth, and what has changed since the last round. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmgateway.controlplane.rollouts.judging import is_ours
from llmgateway.domain.errors import ERRORS, OF_GUARDRAILS, Fault
from llmgateway.ports.store import Row


class Verdict(NamedTuple):
    """`reason`: what was bad; empty where it passes. `exchange`: where it can be looked at."""

    passes: bool
    reason: str
    exchange: str


def says_nothing(row: Row) -> bool:
    """Whether the gateway itself or the question is at fault, and no version."""
    code = row.get("error_code")
    if is_ours(row):
        return True
    kind = ERRORS.get(code or "")
    return kind is not None and kind.fault is Fault.CALLER and code not in OF_GUARDRAILS


def newly_failed(before: Mapping[str, Verdict], now: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The questions that were answered well the last time and are not now, by the hash of what is asked."""
    return {name: each for name, each in now.items() if not each.passes and name in before and before[name].passes}


def verdict_of(state: Any) -> Verdict:
    """Read one out of JSON; raises what malformed JSON makes it raise."""
    passes, reason, exchange = state
    return Verdict(bool(passes), str(reason), str(exchange))
