"""What a replay found, in plain words. For the terminal and the page alike."""

import math
from collections.abc import Mapping
from typing import Any, Final

from llmgateway.cli.replay.report import Judgement
from llmgateway.replaying.figures import Figures
from llmgateway.replaying.people import Compared
from llmgateway.replaying.stopping import ALPHA, MARGIN, Ended
from llmgateway.rollout.pairs import Verdict
from llmgateway.rollout.trust import Trust

TITLES: Final = {
    "bad": "anything bad",
    "error": "errors",
    "blocked": "blocked by a guardrail",
    "schema": "not the JSON asked for",
    "refusal": "refusals",
    "empty": "empty answers",
    "truncated": "cut off",
    "slow": "too slow",
    "flag": "flagged",
    "redact": "redacted",
    "block": "blocked",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cost_usd": "cost",
    "duration_s": "latency",
    "first_token_s": "first token",
}
ENDS: Final = {
    Ended.DONE: "every item was asked",
    Ended.WORSE: "stopped early: more pairs could not change the verdict",
    Ended.COST: "stopped by the cost cap: the next pair might have gone over it",
    Ended.UNPRICED: "stopped: the price of an answer is not known, so the cap could not be kept",
}
_PROVEN: Final = {
    Verdict.WORSE: "that proves the candidate worse",
    Verdict.ALIKE: "that proves no harm",
    Verdict.OPEN: "that proves neither harm nor its absence",
}
_PLACES: Final = 6  # a millionth of a dollar is little enough
LIMITS: Final = (
    "A pair is lost by the version whose gravest fault is the graver, in the order of the rows above. How grave a "
    "fault is for whoever asked, nobody here knows.",
    "Conversations are replayed as they were logged: an answer of the candidate in the middle of one has no effect on "
    "what comes after it.",
    "Prompt caches are cold or warm by chance, which changes latency and cost. Which version is asked first is drawn "
    "item by item, so neither has the advantage.",
    "Tool calls in answers are not carried out.",
)


def verdict_of(figures: Figures) -> str:
    """One or two sentences on what the pairs prove."""
    stable, candidate = figures.evidence.lost
    told = f"Of {figures.pairs:,} pairs the candidate lost {candidate:,}, the baseline {stable:,}; the others are ties."
    match figures.evidence.verdict:
        case Verdict.WORSE:
            return (
                f"The candidate is worse. {told} That was clear after {figures.evidence.decided_at:,} pairs; two equal "
                f"versions come to this in at most {ALPHA:.0%} of replays."
            )
        case Verdict.ALIKE:
            return f"No harm: the candidate is not bad {MARGIN:g} times as often as the baseline. {told}"
        case _:
            return f"Not decided: the pairs prove neither harm nor its absence. {told}"


def people_of(people: Compared) -> str:
    """A sentence on what reviewers make of the pairs."""
    return _compared_by("People", people) if people.pairs else "No one has compared a pair yet."


def judge_of(judge: Judgement) -> str:
    """A sentence on what a judge makes of them, and on what its word does here."""
    told = _compared_by(f"The judge {judge.name}", judge.compared)
    if judge.trust is Trust.MAY_ROLL_BACK:
        return told
    return f"{told} That fails nothing: people do not agree with it often enough yet ({judge.trust})."


def _compared_by(who: str, found: Compared) -> str:
    stable, candidate = found.lost
    told = f"{who} compared {found.pairs:,} pairs: the candidate lost {candidate:,}, the baseline {stable:,}"
    return f"{told}; {_PROVEN[found.verdict]}."


def ratio_of(figures: Figures) -> str:
    """The interval of the ratio of pairs lost."""
    low, high = figures.ratio
    if low == 0 and math.isinf(high):
        return "the ratio of pairs lost: nothing is known yet"
    top = "any number" if math.isinf(high) else f"{high:.2f}"
    return f"the candidate loses between {low:.2f} and {top} times as many pairs as the baseline"


def share_of(told: Mapping[str, Any]) -> str:
    """How many, and their share with its interval."""
    if told["share"] is None:
        return "-"
    return f"{told['count']:,} · {100 * told['share']:.1f} % ({100 * told['low']:.1f}-{100 * told['high']:.1f})"


def number(name: str, value: float | None) -> str:
    """An amount of the kind `name`, in its unit, as exact as people need it."""
    if value is None:
        return "-"
    if name == "cost_usd":
        return f"${_plain(value)}"
    if name.endswith("_s"):
        return f"{_plain(value * 1000)} ms" if abs(value) < 0.9995 else f"{_plain(value)} s"
    return _plain(value)


def _plain(value: float) -> str:
    """Three digits that count, more only before the point; never with an exponent."""
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    places = min(_PLACES, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{max(0, places)}f}".rstrip("0").rstrip(".")


def difference_of(name: str, told: Mapping[str, Any]) -> str:
    """The mean difference of amounts of the kind `name`, with its interval."""
    if told["difference"] is None:
        return "-"
    text = _signed(name, told["difference"])
    if told["interval"] is not None:
        low, high = told["interval"]
        text += f" ({_signed(name, low)} to {_signed(name, high)})"
    return text


def _signed(name: str, value: float) -> str:
    sign = "+" if value > 0 else "-" if value < 0 else ""
    return sign + number(name, abs(value))
