"""Texts that a JSON body has as files: in base64 or in data URLs. What they are is seen by what they hold.

Decoders differ in what they let pass, so this one is as lenient as any: blanks, missing padding, both alphabets and
characters of neither hide nothing.
"""

import re
from base64 import b64decode, b64encode
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, utf_8_decode
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.unread import siblings
from llmgateway.wire.expression import Expression
from llmgateway.wire.jsoncodec import decode
from llmgateway.wire.jsontexts import FILE, Literal, literals

_NAMES: Final = frozenset({b"data", b"file_data", b"b64_json"})
MARKS: Final = rb'(?i:data:|\\u00|"(?:' + b"|".join(sorted(_NAMES)) + rb')")'
"""What a body holds that has such a text: its pattern."""
_MARKS: Final = Expression(MARKS)
_NEITHER: Final = re.compile(r"[^A-Za-z0-9+/=]++")
_ALPHABETS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
_TYPED: Final = re.compile(
    r"\s{0,9}data:[\w.+-]{1,64}/[\w.+-]{1,64}(?:;[\w-]{1,32}=[\w.-]{1,32})?;base64,", re.IGNORECASE
)
_URL_SAFE: Final = str.maketrans("-_", "+/")
_SAMPLE: Final = 4096
_HEAD: Final = 4096  # characters of a URL in which some look for "base64,"
_CONTROL: Final = 0.05  # the share of control characters from which something is no text
_LOOK: Final = 512  # characters that tell a picture from a text
_WIDE: Final = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_BESIDE_LETTERS: Final = frozenset("\t\n\f\r\ufeff\u2028\u2029\u3000\u00a0\u00ad\u200b\u200c\u200d")
_NOT_IN_TEXTS: Final = bytes(set(range(32)) - set(b"\t\n\f\r")) + b"\x7f"
_TEXTUAL: Final = re.compile(
    r"\s*+(?:text/|application/(?:json|jsonl|x-ndjson|xml|csv|markdown|javascript|yaml|x-yaml|sql|rtf)\b|[^;]*\+(?:json|xml)\b)",
    re.IGNORECASE,
)
SOUND_OR_PICTURE: Final = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF....(?:WAVE|WEBP)|ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]|OggS|fLaC|....ftyp"
    rb"|\x1aE\xdf\xa3|FORM....AIF|BM....\0\0\0\0|II\*\0|MM\0\*",
    re.DOTALL,
)
"""What files of sound and pictures begin with."""
_DOCUMENTS: Final = (b"%PDF-", b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([^\"';\s]*)", re.IGNORECASE)
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252"})


class Encoded(NamedTuple):
    """A text that stands in the string `literal`, behind `head`, encoded. `codec`: of its bytes."""

    literal: Literal
    head: str
    text: str
    codec: str
    is_base64: bool

    def saying(self, text: str) -> str:
        """The string with another text in it."""
        content = text.encode(self.codec, "replace")
        return self.head + (b64encode(content).decode() if self.is_base64 else quote(content, safe="/:;=@ ,"))


def encoded_texts(body: bytes, *, is_strict: bool = True) -> Iterator[Encoded]:
    """Every such text of a valid document.

    `is_strict`: GatewayError guardrail_unsupported for what says to be a text and can't be read.
    """
    if _MARKS.search(body) is None:
        return
    found = literals(body)
    for index, literal in enumerate(found):
        if literal.is_name or not literal.text:
            continue
        if literal.text.lstrip()[:5].lower() == "data:":
            one = _of_url(literal, is_strict=is_strict)
        elif _name(literal) in _NAMES:
            near = {(each.name, each.text) for each in siblings(body, found, index)}
            media = next((text for name, text in near if name == b"media_type"), "")
            is_base64 = (b"type", "base64") in near
            is_file = len(literal.text) > FILE or (is_base64 and says_text(media))  # else it may be any word
            one = _of_base64(literal, "", literal.text, media if is_base64 else "", is_strict=is_strict and is_file)
        else:
            continue
        if one is not None:
            yield one


def text_of(content: bytes, media: str = "", *, is_strict: bool = True) -> tuple[str, str] | None:
    """A file's text and its codec; None where it is none. GatewayError as `encoded_texts`."""
    if b"\0" not in content:
        try:
            return content.decode(), "utf-8"
        except UnicodeDecodeError:
            pass
    if is_strict and (_is_wide(content[:_SAMPLE]) or (says_text(media) and b"\0" in content)):
        raise unreadable()
    if says_text(media) or not is_binary(content):
        return content.decode("latin-1"), "latin-1"  # byte for byte: a stray one hides nothing
    return None


def readings_of(text: str) -> tuple[str, ...]:
    """What a string says to somebody who reads it: itself, but for a data URL what that holds; a file says nothing.

    What only calls itself one is read as it stands there, too.
    """
    if text.lstrip()[:5].lower() != "data:":
        return (text,)
    head, payload = _cut(text)
    if "base64" not in head.lower():
        return (text,) if "%" not in payload else (text, unquote_to_bytes(payload).decode("utf-8", "replace"))
    is_typed = _TYPED.fullmatch(head) is not None
    is_sound = is_typed and payload.isascii() and not payload.encode().translate(None, _ALPHABETS)
    beginning = _bytes(payload[:_SAMPLE])
    if is_binary(beginning):
        is_known = beginning.startswith(_DOCUMENTS) or SOUND_OR_PICTURE.match(beginning) or b"\0" in beginning
        return () if is_sound and is_known else (text,)
    found = text_of(_bytes(payload), is_strict=False)
    said = (found[0],) if found is not None and found[1] == "utf-8" else ()
    return said if is_sound and said else (text, *said)


def unreadable() -> GatewayError:
    """What is said where a text is in an encoding that no guardrail can read."""
    return GatewayError("guardrail_unsupported", "A text is in an encoding that guardrails can't read.")


def says_text(media: str) -> bool:
    """Whether a media type is that of a text."""
    return _TEXTUAL.match(media) is not None


def _name(literal: Literal) -> bytes:
    name = literal.name
    return (str(decode(b'"%b"' % name)).encode() if b"\\" in name else name).lower()


def _of_url(literal: Literal, *, is_strict: bool) -> Encoded | None:
    head, payload = _cut(literal.text)
    media = head.lstrip()[5:-1].lstrip()
    media = media if media and media[0] != ";" else f"text/plain{media}"  # as the standard has it
    charset = _CHARSET.search(media)
    if is_strict and charset is not None and charset[1].lower() not in _CHARSETS:
        raise unreadable()
    if "base64" in media.lower():
        return _of_base64(literal, head, payload, media, is_strict=is_strict)
    if "%" not in payload:
        return None  # it is judged as it stands there
    found = text_of(unquote_to_bytes(payload), media, is_strict=is_strict)
    return Encoded(literal, head, *found, is_base64=False) if found else None


def _cut(url: str) -> tuple[str, str]:
    """A data URL's head, and what it carries: behind the first comma or, as some cut it, behind "base64,"."""
    end = url.find(",") + 1
    if "base64" not in url[:end].lower():
        mark = url[:_HEAD].lower().find("base64,")
        end = mark + len("base64,") if mark >= 0 else end
    return url[:end], url[end:]


def _of_base64(literal: Literal, head: str, payload: str, media: str, *, is_strict: bool) -> Encoded | None:
    if "%" in payload:
        payload = unquote_to_bytes(payload).decode("latin-1")
    if not says_text(media) and is_binary(_bytes(payload[:_LOOK])):
        return None
    found = text_of(_bytes(payload), media, is_strict=is_strict)
    return Encoded(literal, head, *found, is_base64=True) if found else None


def is_binary(content: bytes) -> bool:
    """Whether it is no text in any encoding: by what it begins with, or its control characters."""
    sample = content[:_SAMPLE]
    if SOUND_OR_PICTURE.match(sample) is not None or sample.startswith(_DOCUMENTS):
        return not _is_utf8(sample)
    control = len(sample) - len(sample.translate(None, _NOT_IN_TEXTS))
    return control > len(sample) * _CONTROL and not _is_wide(sample)


def begins_as_text(content: bytes) -> bool:
    """Whether what begins so is a text, in whatever encoding, and neither sound nor a picture."""
    sample = content[:_SAMPLE]
    if is_binary(sample):
        return False
    return _is_utf8(sample) or (_is_wide(sample) and any(_can_be_read(sample, codec) for codec in _WIDE))


def _can_be_read(sample: bytes, codec: str) -> bool:
    """Whether there are characters in it, and no quiet sound: of its numbers around nothing many are no character."""
    try:
        text = sample[: len(sample) // 4 * 4].decode(codec, "surrogatepass")
    except UnicodeDecodeError:
        return False
    odd = sum(not (each.isprintable() or each in _BESIDE_LETTERS) for each in text)
    return odd <= len(text) * _CONTROL


def _is_utf8(beginning: bytes) -> bool:
    try:
        utf_8_decode(beginning, "strict", False)
    except UnicodeDecodeError:
        return False
    return b"\0" not in beginning


def _is_wide(sample: bytes) -> bool:
    """Whether it looks like a text with two or four bytes a character."""
    if sample.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return True
    letters = sample.replace(b"\0", b"")
    return 0 < len(letters) <= len(sample) * 2 // 3 and letters == letters.translate(None, _NOT_IN_TEXTS)


def _bytes(payload: str) -> bytes:
    """What base64 says: of several in a row, all."""
    pieces = _NEITHER.sub("", payload.translate(_URL_SAFE)).split("=")
    return b"".join(_decoded(piece) for piece in pieces if piece)


def _decoded(piece: str) -> bytes:
    over = len(piece) % 4
    return b64decode(piece[:-1] if over == 1 else piece + "=" * (-over % 4))
