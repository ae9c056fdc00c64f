"""Find the route of a model name, and the routes a key may use. Built once a snapshot."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from llmgateway.config.patterns import best_match, matches
from llmgateway.config.snapshot import Key, Route
from llmgateway.domain.errors import GatewayError

ROUTE_HEADER: Final = b"x-llmgateway-route"  # for requests that name no model
VERSION_HEADER: Final = b"x-llmgateway-version"  # for callers who may pin
REPLAY_HEADER: Final = b"x-llmgateway-replay"  # beside a pin: which replay asks
MAX_MODEL: Final = 256  # characters of a model's name
REMEMBERED: Final = 1024  # names that callers chose, so there is a bound


class RouteTable:
    """Routes by name: the exact one, else the pattern with the most literal characters."""

    __slots__ = ("_found", "_keys", "_patterns", "_resolved", "_routes")

    def __init__(self, routes: Mapping[str, Route], keys: Iterable[Key] = ()) -> None:
        self._routes = dict(routes)
        self._patterns = [name for name in routes if "*" in name]
        self._keys = {key.name for key in keys}
        self._found: dict[str, Route] = {}
        self._resolved: dict[tuple[str, str], Route] = {}  # by key and model

    def find(self, model: str) -> Route | None:
        route = self._routes.get(model) or self._found.get(model)
        if route is not None or not self._patterns:
            return route
        name = best_match(self._patterns, model)
        if name is None:
            return None
        if len(self._found) < REMEMBERED:
            self._found[model] = self._routes[name]
        return self._routes[name]

    def resolve(self, model: str, key: Key) -> Route:
        """The route for `model` if `key` may use it. An unknown and a forbidden model get the same answer."""
        known = self._resolved.get((key.name, model))
        if known is not None:
            return known
        route = self.find(model)
        if route is None or not self.may_use(key, model, route):
            raise GatewayError("model_not_found", param="model")
        if len(self._resolved) < REMEMBERED:
            self._resolved[key.name, model] = route
        return route

    def asked_for(self, model: str | None, header: Callable[[bytes], bytes | None], key: Key) -> Route:
        """The route a request is for: the body's model, else the header's route, else the key's own.

        GatewayError model_not_found or route_required.
        """
        if model is not None:
            if len(model) > MAX_MODEL:
                raise GatewayError("model_not_found", param="model")
            return self.resolve(model, key)
        named = header(ROUTE_HEADER)
        if named is not None:
            return self.resolve(named.decode("ascii", "replace")[:MAX_MODEL], key)
        if key.default_route is not None:
            return self.resolve(key.default_route, key)
        raise GatewayError("route_required", param="model")

    def may_use(self, key: Key, model: str, route: Route) -> bool:
        """A key's list may name the route as configured, the model as called, or a pattern of either."""
        if key.name not in self._keys:  # the anonymous key is in no table: it may use every route
            return True
        return any(matches(allowed, model) or allowed == route.name for allowed in key.routes)

    def visible(self, key: Key) -> list[str]:
        """The names `key` may call, sorted; patterns are shown as they are configured."""
        return sorted(name for name, route in self._routes.items() if self.may_use(key, name, route))


def model_of(document: Mapping[str, Any]) -> str | None:
    """The model a JSON body names; GatewayError invalid_value where that is no text."""
    model = document.get("model")
    if model is None or isinstance(model, str):
        return model
    raise GatewayError("invalid_value", "The field model must be a string.", param="model")
