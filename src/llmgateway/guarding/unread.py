"""What no model reads in a JSON body, so that no guardrail need look at it: a format's own words, ids, files in base64.

Whatever is not certainly one of these is judged: a template may show a model the role, too.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Final

from llmgateway.domain.verdict import Stage
from llmgateway.wire.jsonscan import replace
from llmgateway.wire.jsontexts import FILE, WORD, Literal, literals

_NAMES: Final = frozenset({b"role", b"type", b"object"})
_VOCABULARY: Final = (
    "user assistant system developer tool function model text json image audio file input output message refusal "
    "input_text output_text input_image input_audio input_file image_url file_url document base64 url content "
    "tool_use tool_result tool_call function_call function_call_output server_tool_use thinking redacted_thinking "
    "reasoning reasoning_text summary_text json_object json_schema ephemeral auto none any required enabled "
    "disabled object array string number integer boolean null response list embedding error text_completion "
    "chat.completion chat.completion.chunk text_delta input_json_delta thinking_delta signature_delta "
    "content_block_delta content_block_start content_block_stop message_start message_delta message_stop ping "
    "session.update session.created session.updated conversation.created conversation.item.create "
    "conversation.item.created conversation.item.added conversation.item.done conversation.item.retrieve "
    "conversation.item.retrieved conversation.item.truncate conversation.item.truncated conversation.item.delete "
    "conversation.item.deleted conversation.item.input_audio_transcription.delta "
    "conversation.item.input_audio_transcription.completed conversation.item.input_audio_transcription.failed "
    "input_audio_buffer.append input_audio_buffer.commit input_audio_buffer.committed input_audio_buffer.clear "
    "input_audio_buffer.cleared input_audio_buffer.speech_started input_audio_buffer.speech_stopped response.create "
    "response.cancel response.created response.done response.output_item.added response.output_item.done "
    "response.content_part.added response.content_part.done response.output_text.delta response.output_text.done "
    "response.text.delta response.text.done response.output_audio.delta response.output_audio.done "
    "response.audio.delta response.audio.done response.output_audio_transcript.delta "
    "response.output_audio_transcript.done response.audio_transcript.delta response.audio_transcript.done "
    "response.function_call_arguments.delta response.function_call_arguments.done rate_limits.updated error "
    "realtime realtime.session realtime.item realtime.response realtime.conversation output_audio "
)
_FORMATS_OWN: Final = frozenset(_VOCABULARY.split())
_IDS: Final = frozenset(
    b"id item_id call_id tool_call_id response_id event_id previous_item_id system_fingerprint obfuscation".split()
)
_OF_IDS: Final[Mapping[Stage, frozenset[bytes]]] = {Stage.REQUEST: frozenset(), Stage.REPLY: _IDS}
_OF_FILES: Final = frozenset(
    b"data file_data b64_json partial_image_b64 result encrypted_content signature url".split()
)
_OF_FILES_AND_PIECES: Final = _OF_FILES | {b"delta"}
FILES: Final = _OF_FILES - {b"data"}
"""Names under which what looks like base64 is a file, whatever stands beside it."""
_REPEATING: Final = frozenset({"logprobs", "prompt_logprobs", "token_ids", "prompt_token_ids"})
_TOKENS: Final = (b'_logprobs"', b'token_ids"', b"\\u00")
_BASE64: Final = bytes.maketrans(b"+/=-_", b"aaaaa")
_VALUE: Final = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")
_BRACE: Final = re.compile(rb"[{}\[\]]")
_NEARBY: Final = 16  # strings of the object that a file is in
_ARGUMENTS: Final = frozenset({b"input", b"arguments"})


class Unread:
    """Tells which strings of a document at one stage are unread."""

    __slots__ = ("ids",)

    def __init__(self, stage: Stage) -> None:
        self.ids = _OF_IDS[stage]

    def is_unread(self, body: bytes, found: Sequence[Literal], index: int) -> bool:
        """Whether no model reads this string."""
        literal = found[index]
        text, name = literal.text, literal.name
        if name in _NAMES:
            return text in _FORMATS_OWN
        if name in self.ids and len(text) <= WORD and _is_word(text):
            return True
        if len(text) <= FILE or name not in _OF_FILES or not _is_file(text):
            return False
        return name != b"data" or not _says_text(body, found, index)


def is_file(name: str | int, text: str) -> bool:
    """Whether a string is what programs make of sound, pictures and the like, by the name that it has in a reply."""
    return len(text) > FILE and str(name).encode() in _OF_FILES_AND_PIECES and _is_file(text)


def arguments(body: bytes, found: Sequence[Literal]) -> list[tuple[int, int]]:
    """Where objects begin and end that a model has written as arguments of a call: in these all is judged."""
    spans: list[tuple[int, int]] = []
    for index, literal in enumerate(found):
        if not literal.is_name or (spans and literal.start < spans[-1][1]):
            continue
        if body[literal.start + 1 : literal.end - 1] in _ARGUMENTS:
            start = _opened(body, literal.end)
            if start is not None:
                spans.append((start, _closed(body, found, index + 1, start)))
    return spans


def is_inside(spans: Sequence[tuple[int, int]], at: int) -> bool:
    """Whether a place lies in one of these spans, which are in order and do not overlap, behind its beginning."""
    index = bisect_left(spans, at, key=itemgetter(0)) - 1
    return index >= 0 and at < spans[index][1]


def without_probabilities(body: bytes) -> bytes:
    """A reply without its tokens' probabilities and ids: they repeat its text so that nobody finds a thing in it."""
    if body.count(b'"logprobs"') == body.count(b'"logprobs":null') and not any(name in body for name in _TOKENS):
        return body
    found = literals(body)
    edits: list[tuple[tuple[int, int], bytes]] = []
    for index, literal in enumerate(found):
        if literal.is_name and literal.text in _REPEATING and (not edits or literal.start > edits[-1][0][1]):
            start = _opened(body, literal.end, (b"{", b"["))
            if start is not None:
                nothing = b"[]" if body[start : start + 1] == b"[" else b"null"
                edits.append(((start, _closed(body, found, index + 1, start)), nothing))
    return replace(body, edits)


def _opened(body: bytes, at: int, brackets: tuple[bytes, ...] = (b"{",)) -> int | None:
    """Where the value begins that belongs to the name before `at`, if it begins with one of these."""
    value = _VALUE.match(body, at)
    return value.end() if value is not None and body.startswith(brackets, value.end()) else None


def _closed(body: bytes, found: Sequence[Literal], index: int, at: int) -> int:
    """Where what is opened at `at` is closed; brackets in strings do not count."""
    depth = 0
    while True:
        stop = found[index].start if index < len(found) else len(body)
        for bracket in _BRACE.finditer(body, at, stop):
            depth += 1 if bracket[0] in b"{[" else -1
            if depth == 0:
                return bracket.end()
        if index >= len(found):
            return len(body)
        at, index = found[index].end, index + 1


def _says_text(body: bytes, found: Sequence[Literal], index: int) -> bool:
    """Whether the object that this string is in calls itself a text: documents may be given so."""
    near = siblings(body, found, index)
    return any(
        (each.name == b"type" and each.text == "text") or (each.name.endswith(b"_type") and each.text[:5] == "text/")
        for each in near
    )


def siblings(body: bytes, found: Sequence[Literal], index: int) -> list[Literal]:
    """Some of the strings that stand beside this one in its object."""
    return [*_siblings(body, found, index, -1), *_siblings(body, found, index, 1)]


def _siblings(body: bytes, found: Sequence[Literal], index: int, step: int) -> list[Literal]:
    near: list[Literal] = []
    for _ in range(_NEARBY):
        other = index + step
        if not 0 <= other < len(found):
            break
        first, second = sorted((found[index], found[other]), key=lambda each: each.start)
        if _BRACE.search(body, first.end, second.start) is not None:
            break
        near.append(found[other])
        index = other
    return near


def _is_word(text: str) -> bool:
    return text.isascii() and text.replace("_", "a").replace("-", "a").replace(".", "a").isalnum()


def _is_file(text: str) -> bool:
    """Whether it is a file in base64, or a data URL with one that is no text: no guardrail for texts could judge it."""
    head, comma, _ = text[:200].partition(",")
    if text.startswith("data:") and comma:
        if not head.endswith(";base64") or head.startswith("data:text"):
            return False
        text = text[len(head) + 1 :]
    return text.isascii() and text.encode().translate(_BASE64).isalnum()
