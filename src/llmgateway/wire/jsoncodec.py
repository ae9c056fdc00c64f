"""The one place that imports orjson."""

from typing import Any, Final

import orjson

JsonError: Final = orjson.JSONDecodeError


def decode(data: bytes | bytearray | memoryview | str) -> Any:
    """Parse a JSON document; raises JsonError (a ValueError)."""
    return orjson.loads(data)


def encode(value: Any) -> bytes:
    """Write a compact JSON document."""
    return orjson.dumps(value)


def encode_pretty(value: Any) -> bytes:
    """Write a JSON document for people, two spaces deep."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)
