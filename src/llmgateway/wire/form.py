"""A whole multipart/form-data body taken to its parts and put together again.

What is looked into here a backend reads with another parser, so only forms pass that all read alike; see `multipart`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.multipart import MAX_PART_HEADERS, MAX_PARTS, PLAIN, folded, malformed, parameters, part_fields

_CHARSET: Final = re.compile(rb"charset", re.IGNORECASE)
_UTF8: Final = re.compile(rb";[ \t]*charset=\"?(?:utf-?8|us-ascii)\"?[ \t]*(?:;|$)", re.IGNORECASE)
_MODEL: Final = b"model"
_NESTING: Final = (b"multipart/", b"message/")


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `head`: its header lines as sent; `media`: its own, b"" where it has none; `file_name`: None if it is
    a field and no file."""

    head: bytes
    name: bytes
    file_name: bytes | None
    media: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it goes on. `model`: where in `body` its model's name stands, if it has one."""

    body: bytes
    model: tuple[int, int] | None

    def naming(self, model: bytes | None) -> bytes:
        """Write it with another model in the place of its own; None leaves that."""
        if model is None or self.model is None:
            return self.body
        return self.body[: self.model[0]] + model + self.body[self.model[1] :]


def read_form(body: bytes, boundary: bytes) -> list[Part]:
    """Take a form apart.

    GatewayError invalid_multipart where it is malformed or ambiguous: parts in another charset or encoding than plain
    ones, forms in forms, a field that is a file, too, or that comes twice and is no list.
    """
    first, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if first or not pieces or len(pieces) > MAX_PARTS or pieces[-1].rstrip(b"\r\n") != b"--":
        raise malformed("The multipart body is malformed.")
    parts = [_part(piece) for piece in pieces[:-1]]
    _refuse_repeated(parts)
    return parts


def write_form(parts: Iterable[Part], boundary: bytes) -> Form:
    """Put a form together; GatewayError guardrail_unsupported where a part has its boundary in it."""
    pieces: list[bytes] = []
    size, model = 0, None
    for part in parts:
        if b"--" + boundary in part.content:
            raise GatewayError("guardrail_unsupported", "A part of the form has the form's boundary in it.")
        begin = b"--" + boundary + b"\r\n" + part.head + b"\r\n\r\n"
        pieces += (begin, part.content, b"\r\n")
        if part.name == _MODEL:
            model = size + len(begin), size + len(begin) + len(part.content)
        size += len(begin) + len(part.content) + 2
    return Form(b"".join([*pieces, b"--", boundary, b"--\r\n"]), model)


def _part(piece: bytes) -> Part:
    head, separator, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not separator or not piece.startswith(b"\r\n") or len(head) > MAX_PART_HEADERS:
        raise malformed("A part of the form is malformed.")
    fields = part_fields(head)
    named = parameters(fields.get(b"content-disposition", b""))
    media = fields.get(b"content-type", b"")
    if fields.get(b"content-transfer-encoding", b"binary").lower() not in PLAIN or media.lower().startswith(_NESTING):
        raise malformed("A part of the form is encoded, or a form itself.")
    charsets = len(_CHARSET.findall(media))
    if folded(named[b"name"]) == b"_charset_" or charsets > 1 or (charsets and _UTF8.search(media) is None):
        raise malformed("A part of the form is in another encoding than UTF-8.")
    if b"filename*" in named:
        raise malformed("A file of the form is named in a way that few understand.")
    return Part(head, named[b"name"], named.get(b"filename"), media, content)


def _refuse_repeated(parts: Sequence[Part]) -> None:
    """Of a name that comes twice some take the first, some the last, and some a list."""
    seen: dict[bytes, bool] = {}
    for part in parts:
        name, is_file = unquote_to_bytes(part.name).strip(b" \t'").lower(), part.file_name is not None
        if name in seen and (seen[name] is not is_file or not name.endswith(b"[]")):
            raise malformed("A field of the form comes more than once.")
        seen[name] = is_file
