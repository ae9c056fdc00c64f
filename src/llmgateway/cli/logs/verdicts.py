"""What guardrails said of an exchange, a line each, for people."""

from typing import TYPE_CHECKING, Final

from llmgateway.cli.logs.printable import one_line
from llmgateway.domain.verdict import Mode
from llmgateway.ports.store import Row

if TYPE_CHECKING:
    from rich.console import Console

_DONE: Final = {"flag": "flagged", "redact": "redacted", "block": "blocked"}
_MEANT: Final = {"flag": "flagged", "redact": "would have redacted", "block": "would have blocked"}
_STYLES: Final = {"redacted": "yellow", "blocked": "red"}

# Why a guardrail that asks somebody has no answer.
_NO_ANSWER: Final = {
    "error.overloaded": "too many questions at once",
    "error.senseless": "an answer in no form that is known",
    "error.timeout": "no answer in time",
    "error.unavailable": "it failed or has failed too often",
}


def print_verdicts(out: "Console", row: Row) -> None:
    """Print a row's verdicts, if there are any."""
    from rich.text import Text

    for verdict in row["verdicts"]:
        did = _did(verdict)
        out.print(Text(f"{'verdict':<10} ", style="dim") + Text(line(verdict, did), style=_STYLES.get(did, "")))


def line(verdict: Row, did: str) -> str:
    """Who did what to what, how often, where."""
    times = f" {verdict['count']} times" if verdict["count"] != 1 else ""
    rules = " ".join(filter(None, map(one_line, (verdict["plugin"], verdict["version"]))))
    kind, reason = one_line(verdict["kind"]), _NO_ANSWER.get(verdict["kind"])
    what = f"{kind} ({reason})" if reason else kind
    return (
        f"{one_line(verdict['guardrail'])} {did} {what}{times} in the {one_line(verdict['stage'])}"
        f"  ({rules}{', only observed' if verdict['mode'] == Mode.OBSERVE else ''})"
    )


def _did(verdict: Row) -> str:
    words = _MEANT if verdict["mode"] == Mode.OBSERVE else _DONE
    return words.get(verdict["action"], one_line(verdict["action"]))
