"""Percent-encodings, and the query whose model stands in it, read so that nobody can read another model out of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize
from urllib.parse import quote, unquote, unquote_to_bytes

from llmgateway.domain.errors import GatewayError

_MODEL: Final = b"model"
_OTHERWISE: Final = frozenset({b"call_id", b"intent"})  # such a session has its model already, or needs none
_BROKEN: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_FIRST_WORD: Final = re.compile(r"[^a-z0-9_]*([a-z0-9_]*)")
_UNQUOTED: Final = 3  # times: behind proxies an encoding may be undone more than once
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """A query's parameters as they came, of which at most one is the model; `model` is decoded, None: there is none."""

    parameters: Sequence[bytes]
    model: str | None

    def naming(self, model: str | None) -> str:
        """Write the query, its "?" included, with `model` in place of the caller's, which None leaves.

        Whichever stays is written in one canonical form. Where the caller named none it is added, unless the
        parameters say that the session has none of its own.
        """
        name = model if model is not None else self.model
        named = b"model=" + quote(name, safe="").encode() if name is not None else b""
        written = [named if _name(each) == _MODEL else each for each in self.parameters]
        if named and self.model is None and _OTHERWISE.isdisjoint(map(_name, self.parameters)):
            written.append(named)
        return "?" + b"&".join(written).decode("ascii") if written else ""


def read_query(query: bytes) -> ModelQuery:
    """Read a query as sent (with its "?", or empty).

    GatewayError invalid_value: the model is named twice or in another spelling (`Model`, `model[]`, `%6dodel`), empty,
    or holds what some parsers take for something else (a bare plus, control characters, broken escapes or UTF-8).
    """
    parameters = [each for each in query.removeprefix(b"?").split(b"&") if each]
    if b";" in query:
        raise _refusal("Semicolons must be written %3B: some take them for separators.")
    if _BROKEN.search(query) is not None:
        raise _refusal("The query has a broken percent-encoding.")
    models = [each for each in parameters if _is_model(_name(each))]
    if len(models) > 1:
        raise _refusal("The query names the model more than once.")
    if models and _name(models[0]) != _MODEL:
        raise _refusal("The query parameter is spelt `model`.")
    return ModelQuery(parameters, _value(models[0]) if models else None)


def readings(text: str) -> Iterator[str]:
    """Give a text, and what it says without its percent-encoding."""
    yield text
    for _ in range(_UNQUOTED):
        if "%" not in text or (plain := unquote(text)) == text:
            return
        text = plain
        yield text


def _name(parameter: bytes) -> bytes:
    return parameter.partition(b"=")[0]


def _is_model(name: bytes) -> bool:
    """Whether some parser might take `name` for the model: decoded, in any case, with an index behind it."""
    plain = normalize("NFKC", unquote_to_bytes(name).decode("utf-8", "replace")).casefold()
    found = _FIRST_WORD.match(plain)
    return found is not None and found[1] == "model"


def _value(parameter: bytes) -> str:
    raw = parameter.partition(b"=")[2]
    try:
        value = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise _refusal("The model's name is not UTF-8.") from None
    if not value or b"+" in raw or b"=" in raw or _CONTROL.search(value) is not None:
        raise _refusal("The model's name is empty, or holds characters that must be percent-encoded or left out.")
    return value


def _refusal(message: str) -> GatewayError:
    return GatewayError("invalid_value", message, param="model")
