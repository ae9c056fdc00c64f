"""A text's evidence: what it says openly, what it hides in codes or invisible characters, and that it hides."""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from llmgateway.guardrails.injection.decode import layers, rot13, unescaped
from llmgateway.guardrails.injection.disguise import readings
from llmgateway.guardrails.injection.normal import Mark, Plain, plain
from llmgateway.guardrails.injection.score import Hit, delimiters, hits, weighed
from llmgateway.guardrails.injection.weights import HEAD, loudest

HIDDEN: Final = 1.0  # logits: nobody writes to people in codes
MOST_RULES: Final = 8.0
MARK: Final = 0.6  # logits of a text for each of a mark between turns: no weights were learnt of them
TERSE: Final = 24  # characters: who says nothing else means it
MEANT: Final = 0.8  # logits of that
CERTAIN: Final = 6.0  # logits of what has no other use


class Evidence(NamedTuple):
    """How much speaks for an attack, in logits, and which technique most of it is about ("" where words alone do)."""

    logit: float
    technique: str = ""


def assess(text: str) -> Evidence:
    """Weigh a whole text."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is in some JSON, and in no UTF-8
    text = unescaped(text)
    form = plain(text)
    if Mark.TAGS in form.marks:
        return Evidence(CERTAIN, "obfuscated")
    lower, found = text.lower(), hits(form.words)
    groups = {group for group, _ in found}
    other = [*_disguised(form, lower, groups), *_unwrapped(text, groups)]
    return max([_open(form, lower, found), *other], key=lambda each: each.logit)


def _open(form: Plain, lower: str, found: list[Hit]) -> Evidence:
    by_weights, there = loudest(form.words, found)
    by = weighed(there)
    marks = delimiters(lower)
    if by and form.marks:
        by["obfuscated"] = float(len(form.marks))
    said = sum(by.values())
    if marks:
        by["delimiter"] = marks
    technique = max(by, key=lambda each: by[each], default="")
    logit, _ = _evidence(said, by_weights, technique)
    terse = MEANT if said and len(form.words) <= TERSE else 0.0
    return Evidence(logit + MARK * marks + terse, technique)


def _disguised(form: Plain, lower: str, groups: Collection[str]) -> Iterator[Evidence]:
    for found, words in readings(lower, form.words, groups):
        if weighed(found):
            yield _hidden(words, found, "obfuscated")


def _unwrapped(text: str, groups: Collection[str]) -> Iterator[Evidence]:
    inner = [(each, "encoded") for each in layers(text)]
    if "rot13" in groups:
        inner.append((rot13(text), "encoded"))
    if "reversed" in groups:
        inner.append((text[::-1], "obfuscated"))
    for each, technique in inner:
        form = plain(each)
        yield _hidden(form.words, hits(form.words), technique)


def _hidden(words: str, found: list[Hit], technique: str) -> Evidence:
    by_weights, there = loudest(words, found)
    return _evidence(HIDDEN + sum(weighed(there).values()), by_weights, technique)


def _evidence(by_rules: float, by_weights: int, technique: str) -> Evidence:
    logit = HEAD.bias + HEAD.rules * min(MOST_RULES, by_rules) + HEAD.step * by_weights
    return Evidence(HEAD.offset + HEAD.slope * logit, technique)
