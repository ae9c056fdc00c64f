"""What a version is in force under and is no part of it: its backends' names and credentials' references, the route's
guardrails, its price. Pure.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from llmgateway.config import source
from llmgateway.config.build import canonical_spec
from llmgateway.config.masking import UnmaskableError, masked_document
from llmgateway.config.problems import ConfigError
from llmgateway.config.prompts import parted
from llmgateway.config.snapshot import Backend, Price, Route, Snapshot, Version
from llmgateway.controlplane.pricing import MILLION, Rate, Rates
from llmgateway.ports.generations import Generation
from llmgateway.ports.versions import VersionRecord
from llmgateway.wire.jsoncodec import encode

_HASH: Final = 12  # hexadecimal digits, as in a version's id

References = Mapping[str, str]
Listed = Callable[[Backend, str, float], Rates | None]


def records(
    snapshot: Snapshot, text: str, generation: Generation, listed: Listed = lambda *_: None
) -> list[VersionRecord]:
    """Every version of a snapshot as it came into force. `text`: the configuration's, where secrets are references.

    `listed` knows the prices that the operator has not set himself.
    """
    known = _references(text)
    prices = {name: _configured(price) for name, price in snapshot.prices.items()}

    def priced(version: Version) -> dict[str, Any] | None:
        if version.model is None:  # the caller's own name decides
            return None
        return prices.get(version.model) or _listed(listed(version.backends[0], version.model, generation.at))

    return [
        VersionRecord(
            route.name,
            version.name,
            version.id,
            generation.number,
            generation.at,
            generation.author,
            canonical_spec(version.backends, version.model, version.params, version.prompt),
            encode(_terms(version, priced(version), policy, known)).decode(),
        )
        for route, policy in ((route, _policy(route)) for route in snapshot.routes.values())
        for version in route.versions
    ]


def _terms(
    version: Version, price: Mapping[str, Any] | None, policy: Mapping[str, Any], known: References
) -> dict[str, Any]:
    return {
        "backends": [_backend(backend, known) for backend in version.backends],
        "prompt_file": version.prompt_file,
        "guardrails": policy,
        "price": price,
    }


def _backend(backend: Backend, known: References) -> dict[str, Any]:
    credential = known.get(backend.name, "***") if backend.api_key is not None else None
    return {
        "name": backend.name,
        "provider": backend.provider,
        "base_url": backend.base_url,
        "credential": credential,
    }


def _policy(route: Route) -> dict[str, Any]:
    """The guardrails of a route, and a hash of all that they are told to do."""
    told = repr([(replace(each, options={}), sorted(each.options.items())) for each in route.guardrails])
    return {
        "policy": hashlib.sha256(told.encode()).hexdigest()[:_HASH] if route.guardrails else None,
        "names": [each.name for each in route.guardrails],
    }


def _configured(price: Price) -> dict[str, Any]:
    """The operator's own price, in dollars for a million tokens."""
    return {"input": price.input, "output": price.output, "cached": price.cached, "source": "configured"}


def _listed(rates: Rates | None) -> dict[str, Any] | None:
    """The list's, as far as it is simple: long prompts may cost more."""
    if rates is None:
        return None
    return {
        "input": _million(rates.input),
        "output": _million(rates.output),
        "cached": _million(rates.cached),
        "source": "list",
    }


def _million(rate: Rate | None) -> float | None:
    return None if rate is None else round(rate.base * MILLION, 9)


def _references(text: str) -> dict[str, str]:
    """Where each backend's credential comes from, as the file has it; one that is written out as `***`."""
    try:
        backends = masked_document(source.parse(parted(text)[0], "")).get("backends", {})
    except (ConfigError, UnmaskableError):
        return {}
    return {name: str(table["api_key"]) for name, table in backends.items() if "api_key" in table}
