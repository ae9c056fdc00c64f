"""The form that a request asks its answer to have, and which texts of a reply are that answer, in any API's words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

ANY_OBJECT: Final = {"type": "object"}


def wanted(document: Mapping[str, Any]) -> Any:
    """The schema that a request asks its answer to satisfy, in any API's form; None where it asks for none."""
    for holder, member in ((document, "response_format"), (document.get("text"), "format")):
        if (asked := _asked(_member(holder, member))) is not None:
            return asked
    form = _member(document.get("output_config"), "format") or document.get("output_format")
    return _asked(form)


def _asked(form: Any) -> Any:
    kind = _member(form, "type")
    if kind == "json_object":
        return ANY_OBJECT
    if kind != "json_schema":
        return None
    inner = _member(form, "json_schema")
    schema = _member(inner if isinstance(inner, dict) else form, "schema")
    return ANY_OBJECT if schema is None else schema


def _member(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else None


def is_answer(path: Sequence[str | int]) -> bool:
    """Whether a text that stands there in a reply is what its model answers."""
    match tuple(path):
        case ("choices", int(), "message", "content") | ("choices", int(), "text"):
            return True
        case ("choices", int(), "message", "content", int(), "text"):
            return True
        case ("output", int(), "content", int(), "text") | ("content", int(), "text"):
            return True
        case _:
            return False
