"""Finds the tokens whose forms `forms` and `platforms` list."""

from typing import Final

from llmgateway.guardrails.secrets.forms import FORMS, Form
from llmgateway.guardrails.secrets.platforms import PLATFORMS
from llmgateway.guardrails.secrets.scan import Candidate, Detector, Scan, compiled

_ALL: Final = (*FORMS, *PLATFORMS)
FAMILIES: Final = frozenset(form.family for form in _ALL)


def detectors() -> list[tuple[str, Detector]]:
    """Each gate word with what looks at the place where it stands."""
    return [(gate, detect) for form in _ALL for detect in (_detector(form),) for gate in form.gates]


def _detector(form: Form) -> Detector:
    pattern, kind = compiled(form.pattern), f"secret.{form.family}"

    def detect(scan: Scan, at: int) -> Candidate | None:
        if not scan.begins(at):
            return None
        limit = scan.limit(at)
        if limit <= at:
            return None
        found = pattern.match(scan.octets, at, min(limit, len(scan.octets)))
        if found is None:
            return None
        start, end = found.last()
        if not form.judge(scan.octets[start:end]):
            return None
        return Candidate(start, form.rank, scan.whole(end, limit), kind, 1.0)

    return detect
