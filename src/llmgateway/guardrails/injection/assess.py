"""A text's evidence: what it says openly, what it hides in codes or invisible characters, and that it hides."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from llmgateway.guardrails.injection.decode import decoded, rot13
from llmgateway.guardrails.injection.disguise import readings
from llmgateway.guardrails.injection.normal import Mark, Plain, plain
from llmgateway.guardrails.injection.score import delimiters, hits, weighed
from llmgateway.guardrails.injection.weights import HEAD, loudest

HIDDEN: Final = 1.0  # logits: nobody writes to people in codes
MOST_RULES: Final = 8.0
CERTAIN: Final = 6.0  # logits of what has no other use


class Evidence(NamedTuple):
    """How much speaks for an attack, in logits, and which technique most of it is about ("" where words alone do)."""

    logit: float
    technique: str = ""


def assess(text: str) -> Evidence:
    """Weigh a whole text."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is in some JSON, and in no UTF-8
    form = plain(text)
    if Mark.TAGS in form.marks:
        return Evidence(CERTAIN, "obfuscated")
    lower, found = text.lower(), hits(form.words)
    open_ = _open(form, lower, found)
    return max([open_, *_disguised(form, lower), *_unwrapped(text, found)], key=lambda each: each.logit)


def _open(form: Plain, lower: str, found: list[tuple[str, int]]) -> Evidence:
    by = weighed(found)
    if marks := delimiters(lower):
        by["delimiter"] = marks
    if by and form.marks:
        by["obfuscated"] = float(len(form.marks))
    return _evidence(sum(by.values()), loudest(form.words, found), max(by, key=lambda each: by[each], default=""))


def _disguised(form: Plain, lower: str) -> Iterator[Evidence]:
    for found, words in readings(lower, form.words):
        if by := weighed(found):
            yield _evidence(HIDDEN + sum(by.values()), loudest(words, found), "obfuscated")


def _unwrapped(text: str, found: list[tuple[str, int]]) -> Iterator[Evidence]:
    groups = {group for group, _ in found}
    inner = [(each, "encoded") for each in decoded(text)]
    if "rot13" in groups:
        inner.append((rot13(text), "encoded"))
    if "reversed" in groups:
        inner.append((text[::-1], "obfuscated"))
    for each, technique in inner:
        form = plain(each)
        said = hits(form.words)
        yield _evidence(HIDDEN + sum(weighed(said).values()), loudest(form.words, said), technique)


def _evidence(by_rules: float, by_weights: int, technique: str) -> Evidence:
    logit = HEAD.bias + HEAD.rules * min(MOST_RULES, by_rules) + HEAD.step * by_weights
    return Evidence(HEAD.offset + HEAD.slope * logit, technique)
