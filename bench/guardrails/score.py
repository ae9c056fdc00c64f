"""Compares what was found with what is there. Pure.

A finding is right where it has the label's kind and shares at least half of the characters that either has (with the
label's own bounds or with others that are as good). Secrets are of one kind here: detectors name families as they like.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.guardrails.labels import Label, Sample
from llmgateway.domain.verdict import Finding

OVERLAP: Final = 0.5
SECRET: Final = "secret"


@dataclass(slots=True)
class Tally:
    """Counts of one kind, or of several."""

    hits: int = 0
    misses: int = 0
    falses: int = 0
    confused: int = 0  # of the misses: found, and taken for something else
    leaked: int = 0  # characters of values that no finding covers
    length: int = 0  # characters of values

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, each) + getattr(other, each) for each in self.__slots__))

    @property
    def precision(self) -> float | None:
        found = self.hits + self.falses
        return self.hits / found if found else None

    @property
    def recall(self) -> float | None:
        there = self.hits + self.misses
        return self.hits / there if there else None

    @property
    def f2(self) -> float | None:
        """Recall counts four times as much as precision."""
        weighted = 5 * self.hits + 4 * self.misses + self.falses
        return 5 * self.hits / weighted if weighted else None


@dataclass(frozen=True, slots=True)
class Mistake:
    """For who tunes: what was missed, or found where nothing is, with what stands around it."""

    what: str
    kind: str
    language: str
    value: str
    around: str


@dataclass(slots=True)
class Scores:
    """Tallies by kind and language, and by the text's form."""

    kinds: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    forms: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    titled: Tally = field(default_factory=Tally)  # what only a column's title tells
    mistakes: list[Mistake] = field(default_factory=list)

    def total(self, languages: Iterable[str], without: Iterable[str] = ()) -> Tally:
        spoken, left_out = set(languages), set(without)
        chosen = (
            tally for (kind, language), tally in self.kinds.items() if language in spoken and kind not in left_out
        )
        return sum(chosen, Tally())


def answers(kind: str, found: str) -> bool:
    """Whether a finding of kind `found` is right for a label. A Japanese passport is a passport, not the other way."""
    return class_of(kind) == class_of(found) or (kind, found) == ("jp_passport", "passport")


def class_of(kind: str) -> str:
    return SECRET if kind.startswith(SECRET) else kind


def overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Shared characters over all characters of both."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(0, shared) / (max(one[1], other[1]) - min(one[0], other[0]))


def bounds(label: Label) -> list[tuple[int, int]]:
    return [(label.start, label.end), *label.wider]


def fit(label: Label, found: Finding) -> float:
    """How well a finding fits any of the label's bounds."""
    return max(overlap(each, (found.start, found.end)) for each in bounds(label))


def paired(labels: Sequence[Label], findings: Sequence[Finding]) -> dict[int, int]:
    """Match labels to findings of their kind one to one, the best fits first."""
    fits = [
        (fit(label, found), number, at)
        for number, label in enumerate(labels)
        for at, found in enumerate(findings)
        if answers(label.kind, found.kind)
    ]
    pairs: dict[int, int] = {}
    for share, number, at in sorted(fits, key=lambda each: (-each[0], each[1:])):
        if share >= OVERLAP and number not in pairs and at not in pairs.values():
            pairs[number] = at
    return pairs


def uncovered(label: Label, findings: Sequence[Finding]) -> int:
    """Count the characters of a value that would leave as they are."""
    covered = {at for found in findings for at in range(max(found.start, label.start), min(found.end, label.end))}
    return label.end - label.start - len(covered)


def count(scores: Scores, sample: Sample, findings: Sequence[Finding]) -> None:
    """Add one text to the scores."""
    pairs = paired(sample.labels, findings)
    for number, label in enumerate(sample.labels):
        tally = _of_label(label, findings, is_found=number in pairs)
        if not label.is_needed:
            if sample.form == "csv":
                scores.titled += tally
            continue
        scores.kinds[label.kind, sample.language] += tally
        scores.forms[sample.form] += tally
        if tally.misses:
            scores.mistakes.append(mistake("missed", label.kind, sample, label.start, label.end))
    for at, found in enumerate(findings):
        if at not in pairs.values() and not is_excused(sample.labels, pairs, found):
            scores.kinds[found.kind, sample.language].falses += 1
            scores.forms[sample.form].falses += 1
            scores.mistakes.append(mistake("false", found.kind, sample, found.start, found.end))


def is_excused(labels: Sequence[Label], pairs: dict[int, int], found: Finding) -> bool:
    """Whether a finding that no label needs is right all the same: optional, or a part of what is found already."""
    for number, label in enumerate(labels):
        touches = any(found.start < end and start < found.end for start, end in bounds(label))
        if touches and (not label.is_needed or (number in pairs and answers(label.kind, found.kind))):
            return True
    return False


def _of_label(label: Label, findings: Sequence[Finding], *, is_found: bool) -> Tally:
    leaked = uncovered(label, findings)
    if is_found:
        return Tally(hits=1, leaked=leaked, length=label.end - label.start)
    is_confused = any(fit(label, found) >= OVERLAP for found in findings)
    return Tally(misses=1, confused=int(is_confused), leaked=leaked, length=label.end - label.start)


def mistake(what: str, kind: str, sample: Sample, start: int, end: int) -> Mistake:
    around = sample.text[max(0, start - 40) : end + 20].replace("\n", "⏎")
    return Mistake(what, kind, sample.language, sample.text[start:end], around)


def score(samples: Sequence[Sample], found: Sequence[Sequence[Finding]]) -> Scores:
    """Score one detector's findings over a corpus."""
    scores = Scores()
    for sample, findings in zip(samples, found, strict=True):
        count(scores, sample, findings)
    return scores


def flagged(samples: Sequence[Sample], found: Sequence[Sequence[Finding]]) -> list[tuple[Sample, Finding]]:
    """Give the first false finding of each text that has one."""
    marks = []
    for sample, findings in zip(samples, found, strict=True):
        pairs = paired(sample.labels, findings)
        wrong = [
            each
            for at, each in enumerate(findings)
            if at not in pairs.values() and not is_excused(sample.labels, pairs, each)
        ]
        marks += [(sample, wrong[0])] if wrong else []
    return marks
