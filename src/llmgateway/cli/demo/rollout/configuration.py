"""What the rollouts' demo adds to the example: a rollout with steps of seconds, and later another version."""

from typing import Any, Final

import tomlkit

from llmgateway.cli.demo.rollout.scenes import SCENES, Scene, Tempo
from llmgateway.cli.demo.stage import QUIET

ROUTE: Final = "assistant"
# Real rollouts take hours; what is tested, and how, is the same.
_ROLLOUT: Final = """
candidate = "v2"
steps = [
  { weight = 0.1, min_time = "STEP", min_units = 5 },
  { weight = 0.25, min_time = "STEP", min_units = 10 },
  { weight = 0.5, min_time = "STEP", min_units = 20 },
]
[metrics.error]
ceiling = 0.1
[metrics.truncated]
ceiling = 0.2
[approvals]
count = 1
[bake]
holdback = 0.05
min_time = "STEP"
"""
CHARACTERS: Final = {
    "one": QUIET,
    "two": (*QUIET, "--knob", "verbosity=0.97"),  # so that fewer answers are cut off than v1's
    "three": (*QUIET, "--knob", "verbosity=0.95"),  # fewer still: nothing is wrong with it until it is made to fail
}
FAULTY_BACKEND: Final = "three"
FAULTY: Final = {"error": 500, "error_rate": 0.15}
SOUND: Final = {"error_rate": 0.0}


def staged(document: Any, tempo: Tempo) -> Any:
    """The example with a third backend, all traffic on v1, and a plan to bring v2 in."""
    backend = tomlkit.table()
    backend.update({"provider": "openai", "base_url": "http://127.0.0.1:9003/v1"})
    document["backends"]["three"] = backend
    route = document["routes"][ROUTE]
    route["versions"]["v1"]["weight"] = 100
    route["versions"]["v2"]["weight"] = 0
    route["rollout"] = tomlkit.parse(_ROLLOUT.replace("STEP", f"{tempo.step_s:g}s"))
    return document


def published(text: str, scene: Scene = SCENES[1]) -> str:
    """A configuration with the next version in it, and the rollout's table about it. What it replaces rescues it."""
    document: Any = tomlkit.parse(text)
    route = document["routes"][ROUTE]
    version = tomlkit.table()
    version.update({"backends": ["three"], "model": "gpt-5-mini", "weight": 0})
    route["versions"][scene.candidate] = version
    route["fallback"] = [scene.stable]
    route["rollout"]["candidate"] = scene.candidate
    return tomlkit.dumps(document)
