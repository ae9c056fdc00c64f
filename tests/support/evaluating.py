"""Exchanges for evaluators, as fixtures have them and as the store has them."""

import json
from typing import Any

from llmgateway.controlplane.evaluation.cases import case_of
from llmgateway.ports.evaluator import Case
from llmgateway.ports.store import Body


def body(kind: str, document: Any) -> Body:
    """A body that was stored whole."""
    content = json.dumps(document).encode()
    return Body(kind, "application/json", len(content), content)


def case_in(case: dict[str, Any]) -> Case:
    """The case of a fixture, by the way that stored ones go."""
    bodies = [body(kind, case[kind]) for kind in ("request", "reply") if case.get(kind) is not None]
    reference = [] if case.get("reference") is None else [body("reply", case["reference"])]
    return case_of(case["facts"], bodies, reference, case["usual"])
