"""What a judge says of attempts to take a model over, and of prompts that only look like it."""

import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from bench.guardrails.attacks import Prompt, attacks, benign
from bench.guardrails.book import LANGUAGES
from bench.guardrails.detect import Unavailable
from bench.guardrails.run import Settings
from bench.table import Table
from llmgateway import plugins
from llmgateway.domain.verdict import Finding

if TYPE_CHECKING:
    from llmgateway.ports.judge import Judge

JUDGE: Final = "injection"
LOWEST: Final = 1e-6
WHOLE_SORTS: Final = ("indirect", "embedded")  # sorts of attacks that are one family
RATES: Final = (0.01, 0.0025)


def judge_named(name: str, options: Mapping[str, Any]) -> "Judge":
    """Make a judge; Unavailable where it is not there or does not take the settings."""
    try:
        made: Judge = plugins.load("judge", name)(options)
    except (plugins.PluginError, ValueError) as error:
        raise Unavailable(str(error)) from error
    return made


def measure(_section: str, settings: Settings) -> dict[str, Any]:
    """Score the judge: what it flags with its own thresholds, and what it could with others."""
    settings.progress("attacks")
    prompts = [*attacks(settings.which), *benign(settings.which, settings.seed, 0.2 if settings.is_quick else 1.0)]
    options = settings.options.get(JUDGE, {})
    default = judged(judge_named(JUDGE, options), prompts)
    as_tool = judged(judge_named(JUDGE, options), [each._replace(source="tool") for each in prompts])
    figures: dict[str, Any] = {"us": default[1], "characters": sum(len(each.text) for each in prompts) / len(prompts)}
    figures["rows"] = _rows(prompts, default[0], as_tool[0])
    try:
        open_options = {**options, "threshold": LOWEST, "strict_threshold": LOWEST}
        scores = [found.score if found else 0.0 for found in judged(judge_named(JUDGE, open_options), prompts)[0]]
    except Unavailable as error:
        figures["rates_absent"] = str(error)
    else:
        figures["rates"] = [_at_rate(prompts, scores, rate) for rate in RATES]
    figures["mistakes"] = _mistakes(prompts, default[0])
    return figures


def judged(judge: "Judge", prompts: Sequence[Prompt]) -> tuple[list[Finding | None], float]:
    """What it says of each, and the mean time of a text in microseconds of CPU."""
    from llmgateway.ports.judge import Piece

    pieces = [Piece(each.text, each.source) for each in prompts]
    started = time.process_time()
    verdicts = [judge.judge([piece]) for piece in pieces]
    us = (time.process_time() - started) / len(pieces) * 1e6
    return [verdict[0].finding if verdict else None for verdict in verdicts], us


def _rows(
    prompts: Sequence[Prompt], usual: Sequence[Finding | None], strict: Sequence[Finding | None]
) -> list[dict[str, Any]]:
    """Count by family and language. `usual`: by each text's own source; `strict`: as if a tool had brought it."""
    rows: dict[tuple[bool, str, str], list[int]] = {}
    for prompt, one, other in zip(prompts, usual, strict, strict=True):
        for family, language in _counted_as(prompt):
            counts = rows.setdefault((prompt.is_attack, family, language), [0, 0, 0])
            counts[0] += 1
            counts[1] += one is not None
            counts[2] += other is not None
    return [
        {"is_attack": key[0], "family": key[1], "language": key[2], "texts": texts, "usual": one, "strict": other}
        for key, (texts, one, other) in sorted(rows.items(), key=lambda row: (not row[0][1].startswith("all"), row[0]))
    ]


def _counted_as(prompt: Prompt) -> list[tuple[str, str]]:
    """The rows in which a text counts: all, all of its sort, its family."""
    rows = [("all", prompt.language), ("all", "all")]
    if prompt.is_attack:
        rows.append((f"all {sort_of(prompt)}", prompt.language))
    return rows if prompt.family in WHOLE_SORTS else [*rows, (prompt.family, prompt.language)]


def sort_of(prompt: Prompt) -> str:
    """How an attack comes: told to the model's face, inside other texts, or hidden by an encoding."""
    if prompt.family in WHOLE_SORTS:
        return prompt.family
    return "encoded" if prompt.family.startswith("encoded") else "direct"


def _at_rate(prompts: Sequence[Prompt], scores: Sequence[float], rate: float) -> dict[str, Any]:
    """The recall where no more than `rate` of the benign texts reach the threshold."""
    wrong = sorted((score for prompt, score in zip(prompts, scores, strict=True) if not prompt.is_attack), reverse=True)
    threshold = wrong[int(rate * len(wrong))]  # whatever is above it
    recalls = {}
    for language in (*LANGUAGES, "all"):
        own = [
            score
            for prompt, score in zip(prompts, scores, strict=True)
            if prompt.is_attack and language in {prompt.language, "all"}
        ]
        recalls[language] = sum(score > threshold for score in own) / len(own)
    return {"rate": rate, "threshold": threshold, "recall": recalls}


def _mistakes(prompts: Sequence[Prompt], found: Sequence[Finding | None]) -> list[dict[str, Any]]:
    wrong = (
        (each, verdict) for each, verdict in zip(prompts, found, strict=True) if each.is_attack == (verdict is None)
    )
    return [
        {
            "what": "missed" if each.is_attack else "false",
            "family": each.family,
            "language": each.language,
            "text": each.text[:160],
        }
        for each, _ in islice(wrong, 400)
    ]


def tables(figures: Mapping[str, Any]) -> list[Table]:
    """Recall by family, false positives by sort, and what other thresholds would give."""
    found = []
    for is_attack, title, column in ((True, "Attacks", "recall"), (False, "Prompts that are no attacks", "flagged")):
        rows = [_row(row, is_attack) for row in figures["rows"] if row["is_attack"] is is_attack]
        columns = ["family, language", "texts", f"{column}, default", f"{column}, as a tool's (strict)"]
        found.append(
            Table(
                title,
                columns,
                rows,
                [f"{figures['us']:.1f} μs of CPU a text of {figures['characters']:.0f} characters."],
            )
        )
    if "rates" in figures:
        columns = ["at most", "score", "English", "Japanese", "all"]
        found.append(
            Table("Recall of attacks at a rate of false positives", columns, [_rate(each) for each in figures["rates"]])
        )
    return found


def _rate(each: Mapping[str, Any]) -> list[str]:
    recalls = [f"{each['recall'][language]:.3f}" for language in (*LANGUAGES, "all")]
    return [f"{each['rate']:.2%} false", f"> {each['threshold']:.3f}", *recalls]


def _row(row: Mapping[str, Any], is_attack: bool) -> list[str]:
    shares = [_share(row[each], row["texts"], is_attack) for each in ("usual", "strict")]
    return [f"{row['family'].replace('_', ' ')}, {row['language']}", str(row["texts"]), *shares]


def _share(part: int, of: int, is_attack: bool) -> str:
    return f"{part / of:.3f}" if is_attack else f"{part / of:.2%}"
