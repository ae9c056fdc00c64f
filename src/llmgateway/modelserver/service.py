"""What a model server remembers between requests, all of it bounded: tallies, arrivals, files, the last requests."""

import hashlib
import hmac
import random
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from llmgateway.modelserver import compose
from llmgateway.modelserver.knobs import KnobError, Knobs, from_headers, from_metadata, from_model
from llmgateway.modelserver.prompt import ApiError

MOST_ARRIVALS: Final = 4_096
MOST_SHELVED: Final = 256
MOST_SHELVED_BYTES: Final = 64 << 20
MOST_BODY_BYTES: Final = 64 << 20
MOST_RECORDED_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run a model server. Port 0 lets the system choose; `models` empty accepts any name."""

    host: str = "127.0.0.1"
    port: int = 0
    knobs: Knobs = field(default_factory=Knobs)
    models: tuple[str, ...] = ()
    api_key: str | None = None
    record: int = 0  # how many of the last requests `/mock/requests` shows


@dataclass(slots=True)
class Tallies:
    """What has happened so far; `/health` shows it."""

    requests: int = 0
    active: int = 0
    cancelled: int = 0
    errors: int = 0
    faults: int = 0
    tokens: int = 0


class Shelf:
    """Keep named things in order, dropping the oldest beyond a number and a size."""

    def __init__(self, most: int = MOST_SHELVED, most_bytes: int = MOST_SHELVED_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._things: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def put(self, name: str, thing: Any, size: int = 0) -> None:
        """Keep a thing, in place of one of the same name."""
        self.take(name)
        self._things[name] = (thing, size)
        self._bytes += size
        while len(self._things) > self._most or self._bytes > self._most_bytes:
            _, (_, dropped) = self._things.popitem(last=False)
            self._bytes -= dropped

    def get(self, name: str) -> Any:
        """Look at a thing; None where there is none."""
        found = self._things.get(name)
        return found[0] if found else None

    def take(self, name: str) -> Any:
        """Remove a thing and return it; None where there is none."""
        thing, size = self._things.pop(name, (None, 0))
        self._bytes -= size
        return thing

    def __iter__(self) -> Iterator[Any]:
        return (thing for thing, _ in self._things.values())

    def __len__(self) -> int:
        return len(self._things)


@dataclass(slots=True)
class Service:
    """One server's memory, and the decisions that need it."""

    settings: Settings
    tallies: Tallies = field(default_factory=Tallies)
    files: Shelf = field(default_factory=Shelf)
    responses: Shelf = field(default_factory=Shelf)
    recorded: deque[dict[str, Any]] = field(init=False)
    _arrivals: OrderedDict[str, int] = field(default_factory=OrderedDict)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.recorded = deque(maxlen=self.settings.record)
        self._chance = compose.dice(f"chance {self.settings.knobs.seed}")

    def authorize(self, headers: Mapping[str, str]) -> None:
        """Let pass who has the key, where there is one."""
        key = self.settings.api_key
        if key is None:
            return
        shown = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode(), key.encode()):
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def turn(self, headers: Mapping[str, str], body: dict[str, Any]) -> Knobs:
        """Read the knobs of one request; leaves the model's bare name in `body`."""
        model = body.get("model")
        suffix: dict[str, str] = {}
        if isinstance(model, str):
            body["model"], suffix = from_model(model)
        try:
            return self.settings.knobs.turned(suffix).turned(from_metadata(body)).turned(from_headers(headers))
        except KnobError as wrong:
            raise ApiError(400, str(wrong), param="metadata", code="invalid_knob") from None

    def turn_all(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Turn knobs for all requests that begin from now on; returns all of them, by name."""
        try:
            self.settings = replace(self.settings, knobs=self.settings.knobs.turned(settings))
        except KnobError as wrong:
            raise ApiError(400, str(wrong), code="invalid_knob") from None
        return asdict(self.settings.knobs)

    def check_model(self, body: Mapping[str, Any]) -> None:
        """Refuse a request without a model, or with one that is not served."""
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise ApiError(400, "you must provide a model parameter", param="model")
        if self.settings.models and model not in self.settings.models:
            raise ApiError(404, f"The model '{model[:100]}' does not exist.", param="model", code="model_not_found")

    def trouble(self, knobs: Knobs, digest: str) -> tuple[bool, str]:
        """Decide whether this arrival gets an error, and which fault. Chance runs on: a retry is a new draw."""
        if knobs.first and self._arrived(digest) > knobs.first:
            return False, ""
        if self._strikes(knobs.error_rate):
            self.tallies.errors += 1
            return True, ""
        if knobs.fault and self._strikes(knobs.fault_rate):
            self.tallies.faults += 1
            return False, knobs.fault
        return False, ""

    def _strikes(self, rate: float) -> bool:
        return rate >= 1 or (rate > 0 and self._chance.random() < rate)

    def _arrived(self, digest: str) -> int:
        times = self._arrivals.pop(digest, 0) + 1
        self._arrivals[digest] = times
        if len(self._arrivals) > MOST_ARRIVALS:
            self._arrivals.popitem(last=False)
        return times

    def record(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> None:
        """Remember a request as it came, credentials as hashes, so that tests see what a backend sees."""
        if not self.settings.record:
            return
        self.recorded.append(
            {
                "method": method,
                "target": target,
                "headers": [(name, _veiled(name, value)) for name, value in headers],
                "body": body[:MOST_RECORDED_BYTES].decode("utf-8", "backslashreplace"),
                "body_bytes": len(body),
                "body_sha256": hashlib.sha256(body).hexdigest(),
            }
        )


def _veiled(name: str, value: str) -> str:
    if name.lower() in {"authorization", "x-api-key"}:
        return "sha256:" + hashlib.sha256(value.encode()).hexdigest()
    return value
