"""What an exchange cost, in US dollars. Unknown is None, never zero: a budget must not take silence for free.

The operator's own prices come first, then the list that ships with genai-prices. That list takes a third of a second
to import, so it is loaded in a thread, in the control process only, and asked once for each model and quarter of an
hour (some prices change with the time of day). Nothing is downloaded.
"""

import asyncio
import importlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

from llmgateway.config.snapshot import Backend, Price, Snapshot
from llmgateway.ports.store import Row

MILLION: Final = 1_000_000
CACHE_SIZE: Final = 1_024  # model names come from callers: bounded
QUARTER_S: Final = 900

Tiers = tuple[tuple[int, float], ...]
_USAGE: Final = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens")
_NAMES: Final = ("route", "served_version", "assigned_version", "response_model", "request_model")
_usage_of: Final = itemgetter(*_USAGE)
_names_of: Final = itemgetter(*_NAMES)

# backend, quarter of an hour, and _NAMES
CacheKey = tuple[str | None, int, str | None, str | None, str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Rate:
    """Dollars for a token. `tiers`: above so many input tokens, every token costs that instead; in rising order."""

    base: float
    tiers: Tiers = ()

    def at(self, input_tokens: int) -> float:
        if self.tiers:
            for start, price in reversed(self.tiers):
                if input_tokens > start:
                    return price
        return self.base


@dataclass(frozen=True, slots=True)
class Rates:
    """The prices of one model. None where the provider has no price of that kind."""

    input: Rate | None
    output: Rate | None
    cached: Rate | None = None
    cache_write: Rate | None = None
    reasoning: Rate | None = None
    request_usd: float = 0.0

    def flat(self) -> tuple[float, float] | None:
        """The prices of a token that goes in and of one that comes out, if these two are all that counts."""
        if self.input is None or self.output is None or self.input.tiers or self.output.tiers:
            return None
        return None if self.reasoning is not None or self.request_usd else (self.input.base, self.output.base)


Known = tuple[Rates | None, tuple[float, float] | None]
"""What is remembered of a model: its rates, and the quick way where there is one."""


def cost(rates: Rates, usage: Mapping[str, Any]) -> float | None:
    """Price the token counts of a row. None if a count that is charged for is missing.

    Cached and cache-writing tokens are part of `input_tokens`, reasoning tokens of `output_tokens`
    (OpenTelemetry GenAI); where the parts exceed the whole, the backend counted them beside it.
    """
    prompt, output = usage.get("input_tokens"), usage.get("output_tokens")
    if prompt is None and output is None:
        return None
    if (prompt is None and rates.input is not None) or (output is None and rates.output is not None):
        return None
    prompt = prompt or 0
    return rates.request_usd + _prompt_cost(rates, prompt, usage) + _output_cost(rates, prompt, usage)


def _prompt_cost(rates: Rates, prompt: int, usage: Mapping[str, Any]) -> float:
    rate = rates.input
    cached, written = usage.get("cached_tokens") or 0, usage.get("cache_write_tokens") or 0
    if not cached and not written:
        return prompt * rate.at(prompt) if rate is not None else 0.0
    fresh = prompt - cached - written
    if fresh < 0:
        fresh, prompt = prompt, prompt + cached + written
    parts = ((fresh, rate), (cached, rates.cached or rate), (written, rates.cache_write or rate))
    return sum(count * each.at(prompt) for count, each in parts if count and each is not None)


def _output_cost(rates: Rates, prompt: int, usage: Mapping[str, Any]) -> float:
    output = usage.get("output_tokens") or 0
    if rates.output is None:
        return 0.0
    if rates.reasoning is None:
        return output * rates.output.at(prompt)
    thought = min(output, usage.get("reasoning_tokens") or 0)
    return (output - thought) * rates.output.at(prompt) + thought * rates.reasoning.at(prompt)


def configured(price: Price) -> Rates:
    """The operator's price as rates."""
    cached = Rate(price.cached / MILLION) if price.cached is not None else None
    return Rates(Rate(price.input / MILLION), Rate(price.output / MILLION), cached)


class Prices:
    """Prices rows by the configuration in force. On one event loop; `load` once before pricing by the list."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._library: Any = None  # genai_prices.data_snapshot.DataSnapshot
        self._cache: OrderedDict[CacheKey, Known] = OrderedDict()
        self.configure(snapshot)

    def configure(self, snapshot: Snapshot) -> None:
        """Go by a new configuration from the next row on."""
        self._configured = {name: configured(price) for name, price in snapshot.prices.items()}
        self._configured.update({price.model: configured(price) for price in snapshot.prices.values()})
        self._backends = snapshot.backends
        self._models = dict(_upstream_models(snapshot))
        self._cache.clear()

    async def load(self) -> None:
        """Import the price list in a thread. Until then only configured prices are known."""
        if self._library is None:
            self._library = await asyncio.to_thread(_import_library)
            self._cache.clear()

    def cost(self, row: Row) -> float | None:
        """What this exchange cost, or None."""
        try:
            usage, names = _usage_of(row), _names_of(row)
        except KeyError:  # a record from another version of this program
            usage, names = tuple(map(row.get, _USAGE)), tuple(map(row.get, _NAMES))
        prompt, output, cached, written = usage
        if prompt is None and output is None:
            return None
        attempts = row.get("attempts")
        if attempts and len(attempts) > 1:
            return self._raced(row, attempts, names)
        key = (attempts[-1].get("backend") if attempts else None, int(row["at"] // QUARTER_S), *names)
        rates, flat = self._rates(key)
        if flat is None or cached or written or prompt is None or output is None:
            return None if rates is None else cost(rates, row)
        return float(prompt * flat[0] + output * flat[1])

    def listed(self, backend: Backend, model: str, at: float) -> Rates | None:
        """What the list asks for a backend's model at a time (Unix seconds); None before `load`, too."""
        return None if self._library is None else look_up(self._library, backend, model, at // QUARTER_S * QUARTER_S)

    def _raced(self, row: Row, attempts: Sequence[Row], names: Sequence[Any]) -> float | None:
        """What an exchange of several attempts cost: the one that answered, and those that were paid for in vain."""
        quarter = int(row["at"] // QUARTER_S)
        answered = next((each for each in attempts if each.get("result") == "ok"), attempts[-1])
        rates, _ = self._rates((answered.get("backend"), quarter, *names))
        total = None if rates is None else cost(rates, row)
        for each in attempts:
            if total is None or each.get("input_tokens") is None:
                continue
            # The loser's own model is asked for: the one that answered may have been another version's.
            models = (names[0], each.get("version"), each.get("version"), None, names[-1])
            rates, _ = self._rates((each.get("backend"), quarter, *models))
            lost = None if rates is None else cost(rates, each)
            total = None if lost is None else total + lost
        return total

    def _rates(self, key: CacheKey) -> Known:
        try:
            return self._cache[key]
        except KeyError:
            return self._remember(key)

    def _remember(self, key: CacheKey) -> Known:
        rates = self._resolve(key)
        known = self._cache[key] = (rates, None if rates is None else rates.flat())
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)  # the oldest; a model in use is back at once
        return known

    def _resolve(self, key: CacheKey) -> Rates | None:
        backend_name, quarter, route, served, assigned, response_model, request_model = key
        upstream_model = self._models.get((route, served or assigned))
        models = [name for name in (response_model, upstream_model, request_model) if name]
        for model in models:
            if (rates := self._configured.get(model)) is not None:
                return rates
        backend = self._backends.get(backend_name or "")
        if backend is None or self._library is None:
            return None
        listed = (look_up(self._library, backend, model, quarter * QUARTER_S) for model in models)
        return next((rates for rates in listed if rates is not None), None)


def _upstream_models(snapshot: Snapshot) -> Iterator[tuple[tuple[str | None, str | None], str]]:
    for route in snapshot.routes.values():
        for version in (*route.fallback, *route.versions):
            if version.model is not None:
                yield (route.name, version.name), version.model
                yield (route.name, version.id), version.model


def _import_library() -> Any:
    return importlib.import_module("genai_prices.data_snapshot").get_snapshot()


def look_up(library: Any, backend: Backend, model: str, at: float) -> Rates | None:
    """Ask the price list for a backend's model: by its address, else by the name of what it speaks.

    The list's own look-up by model keeps every name it ever saw, so the model is matched here, and cached above.
    """
    for provider_id, url in ((None, backend.base_url), (backend.provider, None)):
        try:
            provider = library.find_provider(None, provider_id, url)
        except LookupError:
            continue
        found = provider.find_model(model, all_providers=library.providers)
        if found is not None:
            return _rates_of(found.get_prices(datetime.fromtimestamp(at, UTC)))
    return None


def _rates_of(price: Any) -> Rates | None:
    prompt, output = _rate(price.input_mtok), _rate(price.output_mtok)
    if prompt is None and output is None:
        return None  # priced by something else: seconds, pages, pictures
    return Rates(
        prompt,
        output,
        _rate(price.cache_read_mtok),
        _rate(price.cache_write_mtok),
        _rate(price.output_reasoning_mtok),
        float(price.requests_kcount or 0) / 1000,
    )


def _rate(price: Any) -> Rate | None:
    if price is None:
        return None
    if isinstance(price, Decimal):
        return Rate(float(price) / MILLION)
    return Rate(float(price.base) / MILLION, tuple((tier.start, float(tier.price) / MILLION) for tier in price.tiers))
