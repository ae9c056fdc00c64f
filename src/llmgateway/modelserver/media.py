"""Pictures, sound, and judgements on texts: small, real, and the same each time."""

import base64
import hashlib
import io
import math
import struct
import wave
import zlib
from collections.abc import Mapping
from typing import Any, Final

from llmgateway.modelserver import tokens
from llmgateway.modelserver.prompt import CREATED, ApiError
from llmgateway.modelserver.reading import gather

_SIDE: Final = 16  # pixels
MOST_IMAGES: Final = 10
_SAMPLES_A_SECOND: Final = 8_000
_SECONDS: Final = 0.25
_CATEGORIES: Final = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
_ALARMS: Final = {
    "kill": "violence",
    "attack": "violence",
    "hate": "hate",
    "bomb": "illicit/violent",
    "idiot": "harassment",
}


def images(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer an image request: small PNGs, each of one colour that the prompt decides."""
    prompt, wanted = body.get("prompt"), body.get("n") or 1
    if not isinstance(prompt, str) or not prompt:
        raise ApiError(400, "'prompt' must be a text.", param="prompt")
    if not isinstance(wanted, int) or not 1 <= wanted <= MOST_IMAGES:
        raise ApiError(400, f"'n' must be a whole number from 1 to {MOST_IMAGES}.", param="n")
    pictures = [png(f"{body['model']}\0{prompt}\0{number}") for number in range(wanted)]
    used = tokens.count([prompt])
    return {
        "created": CREATED,
        "data": [{"b64_json": base64.b64encode(picture).decode()} for picture in pictures],
        "output_format": "png",
        "size": f"{_SIDE}x{_SIDE}",
        "usage": {
            "input_tokens": used,
            "input_tokens_details": {"text_tokens": used, "image_tokens": 0},
            "output_tokens": 16 * wanted,
            "total_tokens": used + 16 * wanted,
        },
    }


def png(seed: str) -> bytes:
    """Draw a PNG (W3C PNG, third edition): 8-bit RGB, no filter, one colour with a diagonal."""
    colour = hashlib.sha256(seed.encode()).digest()[:3]
    rows = (b"\0" + b"".join(b"\xff\xff\xff" if x == y else colour for x in range(_SIDE)) for y in range(_SIDE))
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(rows))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def speech(body: Mapping[str, Any]) -> tuple[bytes, str]:
    """Answer a speech request: a quarter of a second of one tone as WAV, or as bare samples for `pcm`."""
    said = body.get("input")
    if not isinstance(said, str) or not said:
        raise ApiError(400, "'input' must be a text.", param="input")
    pitch = 220 + hashlib.sha256(f"{body['model']}\0{body.get('voice')}".encode()).digest()[0]
    samples = _tone(pitch)
    if body.get("response_format") == "pcm":
        return samples, "audio/pcm"
    held = io.BytesIO()
    with wave.open(held, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_SAMPLES_A_SECOND)
        out.writeframes(samples)
    return held.getvalue(), "audio/wav"


def _tone(pitch: int) -> bytes:
    step = 2 * math.pi * pitch / _SAMPLES_A_SECOND
    heights = [int(8_000 * math.sin(step * at)) for at in range(int(_SAMPLES_A_SECOND * _SECONDS))]
    return struct.pack(f"<{len(heights)}h", *heights)


def transcription(fields: Mapping[str, str], sound: bytes, file_name: str) -> tuple[bytes | dict[str, Any], str]:
    """Answer a transcription: words that name the file and its size. The second value is the content type."""
    text = f"This is {fields['model']}, hearing {len(sound)} bytes of {file_name}."
    used = len(sound) // 1_000
    match fields.get("response_format"):
        case "text":
            return text.encode() + b"\n", "text/plain; charset=utf-8"
        case "srt":
            return f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n".encode(), "text/plain; charset=utf-8"
        case "vtt":
            return f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n".encode(), "text/plain; charset=utf-8"
        case "verbose_json":
            whole = {"task": "transcribe", "language": "english", "duration": 1.0, "text": text, "segments": []}
            return {**whole, "usage": {"type": "duration", "seconds": 1}}, "application/json"
        case _:
            return _plain_transcription(text, used), "application/json"


def _plain_transcription(text: str, used: int) -> dict[str, Any]:
    said = tokens.count([text])
    usage = {"type": "tokens", "input_tokens": used, "output_tokens": said, "total_tokens": used + said}
    return {"text": text, "usage": usage}


def moderations(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a moderation: flagged are a few plain words, so that tests and demos can make it go off."""
    asked = body.get("input")
    if isinstance(asked, str):
        texts = [asked]
    elif isinstance(asked, list) and asked:
        has_parts = isinstance(asked[0], dict)
        texts = [gather(asked)[0]] if has_parts else [str(item) for item in asked]
    else:
        raise ApiError(400, "'input' must be a text or a non-empty array.", param="input")
    return {
        "id": f"modr-{hashlib.sha256(repr(texts).encode()).hexdigest()[:24]}",
        "model": body["model"],
        "results": [_judged(text) for text in texts],
    }


def _judged(text: str) -> dict[str, Any]:
    alarms = {category for word, category in _ALARMS.items() if word in text.lower()}
    return {
        "flagged": bool(alarms),
        "categories": {name: name in alarms for name in _CATEGORIES},
        "category_scores": {name: 0.98 if name in alarms else 0.0001 for name in _CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
