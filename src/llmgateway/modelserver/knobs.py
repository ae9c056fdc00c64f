"""What can be asked of the pretend model beside its answer: slowness, length, errors, faults, bad manners.

One table of knobs, four places to turn them, each stronger than the one before: the command's flags (`PUT /mock/knobs`
turns the same ones while it runs), the model's name (`gpt-4.1@latency=0.2,fault=cut`), the body's `metadata`
(`mock_latency`), and headers (`x-mock-latency`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from llmgateway.modelserver.faults import FAULTS

HEADER_PREFIX: Final = "x-mock-"
METADATA_PREFIX: Final = "mock_"
LONGEST_ANSWER: Final = 100_000  # tokens


class KnobError(ValueError):
    """A knob that does not exist, or cannot be turned that far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """How the model behaves for one request. Times are seconds, shares lie in 0…1, 0 tokens is its own choice."""

    latency: float = 0.0  # before the reply's head
    ttft: float = 0.0  # from the head to the first token; part of the wait where nothing is streamed
    rate: float = 0.0  # tokens a second; 0 is as fast as possible
    jitter: float = 0.0  # the share by which latency and ttft differ from request to request
    tokens: int = 0
    verbosity: float = 1.0  # makes the answers that many times longer
    reasoning: int = 0  # hidden tokens, billed before the answer
    cached: int = 0  # how much of the prompt counts as read from a cache
    refusal_rate: float = 0.0  # the share of prompts it declines to answer, the same ones each time
    error: int = 500
    error_rate: float = 0.0
    retry_after: float = 0.0  # sent along with errors
    fault: str = ""
    fault_rate: float = 0.0
    fault_after: int = 0  # tokens before a fault in the middle of an answer; 0 is half of it
    first: int = 0  # error and fault strike only the first so many arrivals of the same request; 0 is each
    seed: int = 0

    def turned(self, settings: Mapping[str, Any]) -> "Knobs":
        """Apply settings by name; raises KnobError. An error or a fault without its rate means every time."""
        values = {name: _read(name, value) for name, value in settings.items()}
        if "error" in values and "error_rate" not in values:
            values["error_rate"] = 1.0
        if "fault" in values and "fault_rate" not in values:
            values["fault_rate"] = 1.0
        return replace(self, **values) if values else self


_RANGES: Final[dict[str, tuple[float, float]]] = {
    "latency": (0, 600),
    "ttft": (0, 600),
    "rate": (0, 1e6),
    "jitter": (0, 1),
    "tokens": (0, LONGEST_ANSWER),
    "verbosity": (0.1, 100),
    "reasoning": (0, LONGEST_ANSWER),
    "cached": (0, 10**9),
    "refusal_rate": (0, 1),
    "error": (400, 599),
    "error_rate": (0, 1),
    "retry_after": (0, 86_400),
    "fault_rate": (0, 1),
    "fault_after": (0, LONGEST_ANSWER),
    "first": (0, 1_000),
    "seed": (0, 2**63),
}
_WHOLE: Final = frozenset({"tokens", "reasoning", "cached", "error", "fault_after", "first", "seed"})


def _read(name: str, value: Any) -> Any:
    if name == "fault":
        return _fault(str(value))
    span = _RANGES.get(name)
    if span is None:
        raise KnobError(f"There is no knob {name!r}; there are: {', '.join(sorted([*_RANGES, 'fault']))}.")
    try:
        number = int(value) if name in _WHOLE else float(value)
    except (TypeError, ValueError):
        raise KnobError(f"{name} takes a number, not {str(value)[:40]!r}.") from None
    if not span[0] <= number <= span[1]:  # also false for NaN
        raise KnobError(f"{name} lies between {span[0]:g} and {span[1]:g}.")
    return number


def _fault(name: str) -> str:
    if name and name not in FAULTS:
        raise KnobError(f"There is no fault {name[:40]!r}; there are: {', '.join(FAULTS)}.")
    return name


def from_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Pick the `x-mock-…` headers, as knob names."""
    return {
        name.lower()[len(HEADER_PREFIX) :].replace("-", "_"): value
        for name, value in headers.items()
        if name.lower().startswith(HEADER_PREFIX)
    }


def from_metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the `mock_…` entries of the body's `metadata`, as knob names."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        return {}
    return {name[len(METADATA_PREFIX) :]: value for name, value in metadata.items() if name.startswith(METADATA_PREFIX)}


def from_model(name: str) -> tuple[str, dict[str, str]]:
    """Split `gpt-4.1@latency=0.2,fault=cut` into model and knobs; an `@` without `=` belongs to the name."""
    model, at, suffix = name.partition("@")
    if not at or "=" not in suffix:
        return name, {}
    pairs = (pair.partition("=") for pair in suffix.split(","))
    return model, {key.strip(): value.strip() for key, _, value in pairs}
