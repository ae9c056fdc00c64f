"""Checks a parsed file against the schema and says in plain words what does not fit."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from llmgateway.config.problems import MAX_FAULTS, Fault, Path, did_you_mean
from llmgateway.config.schema import Config

_KEY_MARK: Final = "[key]"  # how pydantic says that a table's key, not its value, is wrong
_WRONG_TYPE: Final = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list, in square brackets",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "finite_number": "must be a finite number",
    "string_pattern_mismatch": "holds a control character",
    "missing": "is required",
}
_BOUNDS: Final = {
    "greater_than_equal": ("must be at least {:.15g}", "ge"),
    "less_than_equal": ("must be at most {:.15g}", "le"),
    "greater_than": ("must be above {:.15g}", "gt"),
    "less_than": ("must be below {:.15g}", "lt"),
    "string_too_short": ("must not be empty", "min_length"),
    "string_too_long": ("must be at most {} characters long", "max_length"),
    "too_short": ("must have at least {} entry", "min_length"),
    "too_long": ("must have at most {} entries", "max_length"),
    "enum": ("must be {}", "expected"),
}


def fit(document: Mapping[str, Any]) -> tuple[Config | None, list[Fault]]:
    """Build the Config, or list every setting that does not fit. Values are not quoted."""
    try:
        return Config.model_validate(document), []
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)[:MAX_FAULTS]
    return None, [(_path(each["loc"]), _reason(each["type"], each["loc"], each)) for each in details]


def _path(loc: Path) -> Path:
    return loc[:-1] if loc and loc[-1] == _KEY_MARK else loc


def _reason(kind: str, loc: Path, detail: Mapping[str, Any]) -> str:
    if kind == "extra_forbidden":
        return "there is no such setting" + did_you_mean(str(loc[-1]), _siblings(loc[:-1]))
    if kind in _WRONG_TYPE:
        return _WRONG_TYPE[kind]
    if kind in _BOUNDS:
        text, name = _BOUNDS[kind]
        return text.format(detail["ctx"][name])
    return str(detail["msg"]).removeprefix("Value error, ")


def _siblings(path: Path) -> list[str]:
    """The settings that the table at `path` may hold."""
    table: type[BaseModel] = Config
    for part in path:
        if found := table.model_fields.get(str(part)):
            table = table_of(found.annotation) or table
    return [field.alias or name for name, field in table.model_fields.items()]


def table_of(annotation: Any) -> type[BaseModel] | None:
    """The schema class within a field's annotation (itself, optional, or the values of a mapping), if any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := table_of(inner):
            return found
    return None
