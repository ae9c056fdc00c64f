"""What the tables of the schema have in common."""

from typing import Final

from pydantic import ConfigDict

STRICT: Final = ConfigDict(
    extra="forbid",
    strict=True,
    frozen=True,
    hide_input_in_errors=True,
    allow_inf_nan=False,
    protected_namespaces=(),
)
