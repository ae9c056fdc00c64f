"""What the tests of personal data share: what is found in a text, as kinds and pieces of it."""

from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.ports.guardrail import MAX_OPEN, REACH
from llmgateway.wire.heads import NOTHING
from llmgateway.wire.rows import below
from llmgateway.wire.view import View, fold


def found(text: str, *kinds: str) -> list[tuple[str, str]]:
    """Kinds and pieces, in order. `kinds`: the setting, if one is given."""
    guardrail = PiiGuardrail({"kinds": list(kinds)} if kinds else {})
    return _pieces(guardrail, text)


def people(text: str, *languages: str) -> list[str]:
    """The names of persons that are found; `languages`: the setting `names`, if one is given."""
    guardrail = PiiGuardrail({"kinds": ["person"], "names": list(languages) or ["ja"]})
    return [piece for _, piece in _pieces(guardrail, text)]


def _pieces(guardrail: PiiGuardrail, text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in guardrail.find(View(text))]


def only(text: str, *kinds: str) -> tuple[str, str]:
    """The one thing that is found."""
    (one,) = found(text, *kinds)
    return one


def streamed(guardrail: PiiGuardrail, text: str, sizes: list[int]) -> list[tuple[int, int, str]]:
    """What a stream finds that lets go of what is settled, and keeps no more than it needs of what is gone."""
    findings, gone, end = [], 0, 0
    while end < len(text):
        end = min(len(text), end + sizes[end % len(sizes)])
        low = max(0, gone - REACH)
        view = View(text[low:end], below(NOTHING, fold(text[:low])))
        cut = guardrail.settled(view, gone - low) if end < len(text) else end - low
        found = guardrail.find(view, gone - low)
        findings += [(each.start + low, each.end + low, each.kind) for each in found if each.start < cut]
        assert end - (low + cut) <= MAX_OPEN
        gone = low + cut
    return findings
