"""Fields of a request's body that route it or name it, strictly typed: what has the wrong type is refused, not guessed.

Everything else in a body belongs to the backend and is not looked at.
"""

from collections.abc import Mapping
from typing import Any, Final

from llmgateway.domain.errors import GatewayError

MAX_STRING: Final = 512
MAX_TAGS: Final = 16


def flag(body: Mapping[str, Any], name: str) -> bool:
    """Read a boolean; absent and null are False. GatewayError `invalid_value` for anything else."""
    value = body.get(name)
    if value is None or value is False:
        return False
    if value is True:
        return True
    raise _wrong(name, f"The field {name} must be true or false.")


def text(body: Mapping[str, Any], name: str, path: str | None = None) -> str | None:
    """Read a string, cut to 512 characters; absent, null and empty are None. `path`: its name in an error.

    GatewayError `invalid_value` for anything else.
    """
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        return value[:MAX_STRING] or None
    raise _wrong(path or name, f"The field {path or name} must be a string.")


def metadata(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read `metadata`: an object of at most 16 entries, its keys and strings at most 512 characters (row C28)."""
    value = body.get("metadata")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong("metadata", "The field metadata must be an object.")
    if len(value) > MAX_TAGS:
        raise _wrong("metadata", f"The field metadata may have at most {MAX_TAGS} entries.")
    for name, entry in value.items():
        if len(name) > MAX_STRING or (isinstance(entry, str) and len(entry) > MAX_STRING):
            raise _wrong("metadata", f"Keys and values of metadata may have at most {MAX_STRING} characters.")
    return value


def tags(entries: Mapping[str, Any], known: frozenset[str]) -> dict[str, str] | None:
    """Take the strings among metadata's entries as tags, but for the `known` ones, which have a place of their own."""
    found = {name: entry for name, entry in entries.items() if isinstance(entry, str) and name not in known}
    return found or None


def _wrong(param: str, message: str) -> GatewayError:
    return GatewayError("invalid_value", message, param=param)


def tag_of(written: str) -> tuple[str, str]:
    """A tag as people write it, NAME=VALUE; ValueError, whose words follow what was written."""
    name, sign, value = written.partition("=")
    if not (name and sign):
        raise ValueError("has to be NAME=VALUE")
    return name, value
