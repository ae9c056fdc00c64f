"""A request as an operator describes it, made into one that can be explained. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from llmgateway.config.problems import did_you_mean, quoted
from llmgateway.config.routenames import unknown_route
from llmgateway.config.snapshot import ANONYMOUS, Key, Snapshot
from llmgateway.ports.dialect import Dialect
from llmgateway.routing.explain import Asked
from llmgateway.routing.spoken import ANTHROPIC_HEADER, MESSAGES, is_messages, spoken
from llmgateway.routing.table import RouteTable
from llmgateway.wire.jsoncodec import decode, encode

CHAT: Final = "/v1/chat/completions"


class UnknownNameError(LookupError):
    """No route or key is called so; the message says which one might be meant. `what`: "route" or "key"."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


@dataclass(frozen=True, slots=True)
class Supposed:
    """What is known of the request. Header names are in lower case; `at` is Unix time.

    `model`: before the body's. `key`: by its name; None: the first that may use the route. `body` None: one that names
    the model and nothing else. `path` None: chat, or Anthropic's messages where a header says so.
    """

    at: float
    model: str | None = None
    key: str | None = None
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    body: bytes | None = None
    path: str | None = None
    method: str = "POST"


def asked(snapshot: Snapshot, dialects: Mapping[str, Dialect], supposed: Supposed) -> tuple[Asked, str]:
    """The request, and what has to be said about it (or nothing); raises UnknownNameError."""
    body = supposed.body
    if body is None:
        body = b"" if supposed.model is None else encode({"model": supposed.model})
    model = supposed.model if supposed.model is not None else model_in(body)
    if model is not None and RouteTable(snapshot.routes).find(model) is None:
        raise UnknownNameError("route", unknown_route(model, snapshot.routes))
    key, note = _caller(snapshot, supposed.key, model)
    has_header = ANTHROPIC_HEADER in supposed.headers
    path = supposed.path or (MESSAGES if has_header else CHAT)
    dialect, _ = spoken(dialects, supposed.method, path, is_anthropic=has_header or is_messages(path))
    return Asked(key, dialect, supposed.at, model, supposed.headers, body, supposed.method, path), note


def model_in(content: bytes) -> str | None:
    """The model that a body names, if it is a body at all."""
    try:
        document = decode(content)
    except ValueError:
        return None  # what is wrong with it is said later
    model = document.get("model") if isinstance(document, dict) else None
    return model if isinstance(model, str) else None


def _caller(snapshot: Snapshot, name: str | None, model: str | None) -> tuple[Key, str]:
    """The key whose request it is, and what has to be said about that choice."""
    keys = {key.name: key for key in snapshot.keys.values()}
    if name is not None:
        if name not in keys:
            raise UnknownNameError("key", f"no key is called {quoted(name)}{did_you_mean(name, keys)}")
        return keys[name], "" if keys[name].is_enabled else f"the key {name} is switched off: it would be refused"
    if not keys:
        return ANONYMOUS, ""
    able = _able(snapshot, model)
    if not able:
        raise UnknownNameError("key", "no enabled key may use this route: name one")
    note = f"as key {able[0].name}, the first that may use the route; name a key for another"
    return able[0], note if len(able) > 1 else ""


def _able(snapshot: Snapshot, model: str | None) -> list[Key]:
    table = RouteTable(snapshot.routes, snapshot.keys.values())
    enabled = [key for key in snapshot.keys.values() if key.is_enabled]
    found = None if model is None else table.find(model)
    if model is None or found is None:
        return enabled
    return [key for key in enabled if table.may_use(key, model, found)]
