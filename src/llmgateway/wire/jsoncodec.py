"""The one place that imports orjson."""

from typing import Any, Final

import orjson

JsonError: Final = orjson.JSONDecodeError


# Plain names for the two, not functions around them: they are called several times a request.
decode: Final = orjson.loads
"""Parse a JSON document; raises JsonError (a ValueError)."""
encode: Final = orjson.dumps
"""Write a compact JSON document."""


def encode_pretty(value: Any) -> bytes:
    """Write a JSON document for people, two spaces deep."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def unambiguous(written: bytes, document: Any) -> bytes:
    """A document's bytes; written anew if a member comes twice in them, of which only one was read."""
    again = encode(document)
    return written if again.count(b'"') == written.count(b'"') else again
