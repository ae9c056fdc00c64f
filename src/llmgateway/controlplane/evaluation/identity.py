"""Who a judge is: not its name, but everything that makes its verdicts what they are."""

import json
from hashlib import sha256
from typing import Any

from llmgateway.config.evaluating import Evaluator
from llmgateway.config.snapshot import Snapshot
from llmgateway.domain.score import IDENTITY


def run_of(plugin: Any, definition: Evaluator, snapshot: Snapshot) -> str:
    """What stands beside a judge's scores: its plug-in, its rubric's version, and who it is."""
    return f"{plugin.name}-{plugin.rubric}{IDENTITY}{identity(plugin, definition, snapshot)}"


def identity(plugin: Any, definition: Evaluator, snapshot: Snapshot) -> str:
    """Name a judge by its content, as versions are: the plug-in and its version, its settings (the rubric's very words
    among them), and every version of the route that it asks, with its weight, since any of them may answer.

    How often it is asked, what it may cost and whose key it uses make no other judge of it.
    """
    asked = snapshot.routes.get(plugin.asked)
    versions = sorted([each.id, each.weight] for each in asked.versions) if asked is not None else []
    made_of = [plugin.name, plugin.version, dict(definition.options), versions]
    text = json.dumps(made_of, sort_keys=True, default=str)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
