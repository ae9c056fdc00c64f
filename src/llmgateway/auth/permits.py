"""Which operations a key may ask for, where its table limits them. Asked once an exchange, so answers are kept."""

from typing import Final

from llmgateway.config.patterns import matches
from llmgateway.config.snapshot import Key
from llmgateway.domain.errors import GatewayError

REMEMBERED: Final = 4096  # keys x operations; both come from closed sets, but there may be many keys


class Permits:
    """The answers of one generation."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bool] = {}

    def check(self, key: Key, operation: str) -> None:
        """GatewayError operation_not_allowed unless one of the key's patterns covers the operation."""
        index = (key.name, operation)
        known = self._known.get(index)
        if known is None:
            known = permits(key, operation)
            if len(self._known) < REMEMBERED:
                self._known[index] = known
        if not known:
            raise GatewayError("operation_not_allowed")


def permits(key: Key, operation: str) -> bool:
    """Whether `key` may ask for `operation`, by its name."""
    return key.operations is None or any(matches(pattern, operation) for pattern in key.operations)
