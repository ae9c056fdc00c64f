"""A text's evidence: what it says openly, what it hides in codes or invisible characters, and that it hides."""

from typing import Final

from llmgateway.guardrails.injection.decode import decoded, rot13
from llmgateway.guardrails.injection.normal import Mark, Plain, plain
from llmgateway.guardrails.injection.score import Evidence, delimiters, groups, rules

BIAS: Final = -3.5
HIDDEN: Final = 1.0  # logits: nobody writes to people in codes
CERTAIN: Final = 6.0
_MARKS: Final = {Mark.LOOK_ALIKES: 1.0, Mark.INVISIBLE: 1.0}


def assess(text: str) -> Evidence:
    """Weigh a whole text."""
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is in some JSON, and in no UTF-8
    form = plain(text)
    if Mark.TAGS in form.marks:
        return Evidence(CERTAIN, "obfuscated")
    said = _said(form, text)
    return max([said, *_unwrapped(form, text)], key=lambda each: each.logit)


def _said(form: Plain, text: str) -> Evidence:
    by = rules(form.words)
    if marks := delimiters(text.lower()):
        by["delimiter"] = marks
    if by and form.marks:
        by["obfuscated"] = sum(_MARKS[each] for each in form.marks)
    return Evidence(BIAS + sum(by.values()), max(by, key=lambda each: by[each], default=""))


def _unwrapped(form: Plain, text: str) -> list[Evidence]:
    inner = [(each, "encoded") for each in decoded(text)]
    seen = {group for group, _ in groups(form.words)}
    if "rot13" in seen:
        inner.append((rot13(text), "encoded"))
    if "reversed" in seen:
        inner.append((text[::-1], "obfuscated"))
    found = [(_said(plain(each), each), technique) for each, technique in inner]
    return [Evidence(each.logit + HIDDEN, technique) for each, technique in found if each.technique]
