"""What the tables of the schema have in common."""

from typing import Annotated, Final

from pydantic import BeforeValidator, ConfigDict

from llmgateway.config import values

Seconds = Annotated[float, BeforeValidator(values.seconds)]

STRICT: Final = ConfigDict(
    extra="forbid",
    strict=True,
    frozen=True,
    hide_input_in_errors=True,
    allow_inf_nan=False,
    protected_namespaces=(),
)
