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
    """A document's bytes; written anew if a member comes twice in them, of which only one was read.

    A member that is not there costs its quotes; a quote that is written as a number could make up for them.
    """
    again = encode(document)
    is_same = again.count(b'"') == written.count(b'"') and b"\\u0022" not in written
    return written if is_same else again
