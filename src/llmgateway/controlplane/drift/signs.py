"""What one exchange says of the version it was assigned to: which of the bad events it is, if it says anything.

The rule is the rollouts' (`rollouts/judging.py`), without a look at bodies; what most exchanges are is known sooner.
"""

from collections.abc import Mapping
from typing import Any, Final

from llmgateway.config.drift import DriftSignal
from llmgateway.controlplane.drift.bins import FINISH
from llmgateway.controlplane.rollouts.judging import bad_events
from llmgateway.controlplane.rollouts.policy import Slow
from llmgateway.domain.exchange import End

ERROR: Final = DriftSignal.ERROR.value
SIGNALS: Final = tuple(signal.value for signal in DriftSignal)
NOTHING: Final[tuple[str, ...]] = ()
FAILED: Final = (ERROR,)
_METRICS: Final = frozenset(SIGNALS)
_NEVER: Final = Slow()
_COMPLETED: Final = End.COMPLETED.value
_PLAIN: Final = frozenset(
    {reason for reason, at in FINISH.items() if at in {FINISH["stop"], FINISH["tool_use"], FINISH[None]}}
)


def is_traffic(row: Mapping[str, Any]) -> bool:
    """Whether a caller asked, and the gateway chose: no copy, no replay, nobody's choice of a version."""
    return row.get("shadow_of") is None and row.get("assigned_by") != "pin"


def bad_signs(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Which bad events the exchange is; None where it says nothing of its version. `FAILED`: there was no answer."""
    if is_plain(row):
        return NOTHING
    judged = bad_events(dict(row), (), _NEVER, _METRICS)
    if not judged:
        return None
    return FAILED if judged[ERROR] else tuple(name for name, is_bad in judged.items() if is_bad)


def is_plain(row: Mapping[str, Any]) -> bool:
    """Whether nothing at all was wrong with it, as can be told at a glance."""
    return (
        row.get("error_code") is None
        and row.get("end") == _COMPLETED
        and row.get("served_version") == row.get("assigned_version")
        and row.get("finish_reason") in _PLAIN
        and row.get("output_tokens") != 0
        and (row.get("status") or 0) < 400
    )
