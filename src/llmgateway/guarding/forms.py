"""A form's parts before a chain: fields and files that are texts are judged; pictures and sound pass as they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from llmgateway.guarding.body import Sieve
from llmgateway.guarding.encoded import text_of, unreadable
from llmgateway.guarding.tokens import refuse_tokens
from llmgateway.wire.form import Part
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.query import readings

_ENDINGS: Final = (b".txt", b".md", b".csv", b".tsv", b".json", b".jsonl", b".xml", b".html", b".htm", b".srt", b".vtt")
_TEXT: Final = "text/plain"


def names_of(parts: Sequence[Part]) -> Iterator[str]:
    """What parts are called and say of themselves: it goes on as it came."""
    for part in parts:
        for line in part.head.split(b"\r\n"):
            yield from readings(line.decode("utf-8", "replace"))
        for name in filter(None, (part.name, part.file_name)):
            yield from readings(name.decode("utf-8", "replace"))


def sifted_parts(sieve: Sieve, parts: Sequence[Part]) -> list[Part]:
    """Judge every text. Raises Blocked; GatewayError guardrail_unsupported for a text that can't be read."""
    return [_sifted(sieve, part) for part in parts]


def document_of(parts: Sequence[Part]) -> Mapping[str, Any]:
    """A form's texts as judges of requests are asked about them: its fields by name, and its files."""
    document: dict[str, list[Any]] = {}
    for part in parts:
        found = _text(part)
        if found is not None and part.file_name is None:
            document.setdefault(part.name.decode("utf-8", "replace").removesuffix("[]"), []).append(found[0])
        elif found is not None:
            document.setdefault("file", []).extend(_said(found[0]))
    return document


def texts_of(parts: Sequence[Part]) -> str:
    """All that they say."""
    return "\n".join(found[0] for part in parts if (found := _text(part)) is not None)


def _text(part: Part) -> tuple[str, str] | None:
    is_text = part.file_name is None or part.file_name.lower().endswith(_ENDINGS)
    found = text_of(part.content, _TEXT if is_text else part.media.decode("latin-1"))
    if part.file_name is None and (found is None or found[1] != "utf-8"):
        raise unreadable()
    return found


def _sifted(sieve: Sieve, part: Part) -> Part:
    found = _text(part)
    if found is None:
        return part
    text, codec = found
    for each in _said(text):
        if isinstance(each, dict):  # a line of a batch is a request
            refuse_tokens(each)
            refuse_tokens(each["body"] if isinstance(each.get("body"), dict) else {})
    judged = sieve.file(text)
    return part if judged is text else replace(part, content=judged.encode(codec, "replace"))


def _said(text: str) -> list[Any]:
    """What a file says: JSON, lines of JSON, or a text."""
    try:
        return [decode(text)]
    except JsonError:
        pass
    try:
        return [decode(line) for line in text.splitlines() if line.strip()]
    except JsonError:
        return [text]
