"""An operator's own services that are told of rollouts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmgateway.config.snapshot import Secret


@dataclass(frozen=True, slots=True)
class Webhook:
    """One of them. Its URL may let whoever knows it write there; `secret` signs what it is sent."""

    name: str
    url: "Secret"
    secret: "Secret | None" = None
