"""Runs the sections that score detectors, and gives their figures as plain values."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench.guardrails.book import LANGUAGES
from bench.guardrails.corpus import QUICK_SIZES, SIZES, corpus
from bench.guardrails.detect import Detector, Own, Presidio, Unavailable, guardrail
from bench.guardrails.labels import Sample
from bench.guardrails.score import SECRET, Scores, Tally, class_of, flagged, mistake, score

UNSURE: Final = ("person", "jp_address")  # names and places: told by words, not by digits
GUARDRAILS: Final = {"pii": ("pii",), "hard": ("pii",), "secrets": ("secrets",), "benign": ("pii", "secrets")}
SPAN_SECTIONS: Final = tuple(GUARDRAILS)
Figures = dict[str, Any]


@dataclass(slots=True)
class Settings:
    """What is to be run."""

    which: str = "test"
    seed: int = 1
    is_quick: bool = False
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    beside: Presidio | None = None
    progress: Callable[[str], None] = print

    def size(self, section: str) -> int:
        return (QUICK_SIZES if self.is_quick else SIZES)[section]


def spans(section: str, settings: Settings) -> Figures:
    """Score one section; Unavailable where none of its guardrails is there."""
    settings.progress(f"{section}: writing texts")
    samples = corpus(section, settings.which, settings.seed, settings.size(section))
    detectors, absent = _detectors(section, settings)
    judge = _benign if section == "benign" else _scored
    figures: Figures = {}
    for detector in detectors:
        settings.progress(f"{section}: {detector.name}")
        figures[detector.name] = judge(detector, samples)
    characters = sum(len(sample.text) for sample in samples) / len(samples)
    return {"texts": len(samples), "characters": characters, "detectors": figures, "absent": absent}


def _detectors(section: str, settings: Settings) -> tuple[list[Detector], list[str]]:
    found: list[Detector] = []
    absent = []
    for name in GUARDRAILS[section]:
        try:
            found.append(Own(name, [guardrail(name, settings.options.get(name))]))
        except Unavailable as error:
            absent.append(str(error))
    if settings.beside is not None and section != SECRET + "s":
        found.append(settings.beside)
    if not found:
        raise Unavailable(" ".join(absent))
    return found, absent


def _scored(detector: Detector, samples: Sequence[Sample]) -> Figures:
    found = detector.find(samples)
    scores = score(samples, found.findings)
    return {
        "us": found.us,
        "kinds": [{"kind": kind, "language": language, **_row(tally)} for (kind, language), tally in _sorted(scores)],
        "forms": {form: _row(tally) for form, tally in sorted(scores.forms.items())},
        "totals": _totals(scores),
        "titled": _row(scores.titled),
        "mistakes": scores.mistakes,
    }


def _sorted(scores: Scores) -> list[tuple[tuple[str, str], Tally]]:
    return sorted(scores.kinds.items())


def _totals(scores: Scores) -> Figures:
    both = {"all": LANGUAGES} | {language: (language,) for language in LANGUAGES}
    return {
        name: {"core": _row(scores.total(spoken, UNSURE)), "whole": _row(scores.total(spoken))}
        for name, spoken in both.items()
    }


def _row(tally: Tally) -> Figures:
    counts = {name: getattr(tally, name) for name in Tally.__slots__}
    return {**counts, "precision": tally.precision, "recall": tally.recall, "f2": tally.f2}


def _benign(detector: Detector, samples: Sequence[Sample]) -> Figures:
    found = detector.find(samples)
    wrong = flagged(samples, found.findings)
    per_language = {}
    for language in LANGUAGES:
        texts = sum(sample.language == language for sample in samples)
        marked = sum(sample.language == language for sample, _ in wrong)
        per_language[language] = {"texts": texts, "flagged": marked, "per_1000": 1000 * marked / texts}
    return {
        "us": found.us,
        "flagged": len(wrong),
        "per_1000": 1000 * len(wrong) / len(samples),
        "languages": per_language,
        "kinds": dict(Counter(class_of(each.kind) for _, each in wrong).most_common()),
        "mistakes": [asdict(mistake("false", each.kind, sample, each.start, each.end)) for sample, each in wrong],
    }
