"""Sound in the events of a session: where it stands in base64, and how an event is looked at without it.

No guardrail here can hear. What an API takes for sound is known by its place; a text in such a place is judged.
"""

from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any, Final

from llmgateway.guarding.encoded import is_binary, unreadable
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.jsontexts import WORD

_MEMBER: Final = "audio"
_PARTS: Final = frozenset({"audio", "input_audio", "output_audio", "input_audio_buffer.append"})
_ALPHABETS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")

Path = tuple[str | int, ...]


def sounds(event: Any, path: Path = ()) -> Iterator[Path]:
    """Every place of a parsed event (of bounded depth) that may hold sound: texts in members that are called so."""
    if isinstance(event, dict):
        for name, value in event.items():
            if isinstance(value, str):
                if value and name.casefold() == _MEMBER:
                    yield (*path, name)
            else:
                yield from sounds(value, (*path, name))
    elif isinstance(event, list):
        for at, value in enumerate(event):
            yield from sounds(value, (*path, at))


def is_unheard(event: Any, path: Path) -> bool:
    """Whether an API takes this for sound, so that it is no text that a guardrail could judge.

    GatewayError guardrail_unsupported for a text that stands in the place of sound, in base64.
    """
    holder = holder_of(event, path)
    value, kind = holder[path[-1]], holder.get("type")
    if path[-1] != _MEMBER or not isinstance(kind, str) or kind not in _PARTS:
        return False
    if len(value) <= WORD or not value.isascii() or value.encode().translate(None, _ALPHABETS):
        return False
    if _reads(value.encode()):
        raise unreadable()
    return True


def holder_of(event: Any, path: Path) -> Any:
    """The object that has the last member of a path. LookupError or TypeError where there is none."""
    for step in path[:-1]:
        event = event[step]
    return event


def taken_out(event: Any, paths: Sequence[Path]) -> list[str]:
    """Take what is there out of an event; gives it."""
    taken: list[str] = []
    for path in paths:
        holder = holder_of(event, path)
        taken.append(holder[path[-1]])
        holder[path[-1]] = ""
    return taken


def without_sound(event: Any) -> Any:
    """An event that has passed, for those who read its texts: what was let through unheard is taken out of it."""
    taken_out(event, [path for path in sounds(event) if is_unheard(event, path)])
    return event


def silenced(message: bytes, event: Any) -> bytes:
    """A backend's event without what no guardrail can hear."""
    if b"udio" not in message and b"UDIO" not in message and b"\\u00" not in message:
        return message
    paths = list(sounds(event))
    if not paths:
        return message
    taken_out(event, paths)
    return encode(event)


def _reads(value: bytes) -> bool:
    """Whether this base64 is that of a text."""
    plain = value.translate(_STANDARD, b"=")
    content = b64decode(plain[: len(plain) - (len(plain) % 4 == 1)] + b"=" * (-len(plain) % 4))
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return not is_binary(content)
