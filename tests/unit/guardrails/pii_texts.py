"""What the tests of personal data share: what is found in a text, as kinds and pieces of it."""

from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.wire.view import View


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
