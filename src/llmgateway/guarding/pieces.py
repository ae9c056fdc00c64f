"""The texts that judges are asked about: every one of a request or a reply, and whose word it is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from llmgateway.domain.verdict import Stage
from llmgateway.guarding.encoded import readings_of
from llmgateway.ports.judge import SOURCES, Piece
from llmgateway.wire.jsontexts import unescaped
from llmgateway.wire.structured import is_answer

MAX_DEPTH: Final = 100
_SOURCES: Final = {**{source: source for source in SOURCES}, "developer": "system", "function": "tool"}
_TOOLS: Final = frozenset({"tool_result", "function_call_output", "custom_tool_call_output", "computer_call_output"})
_NAMED: Final = {"system": "system", "instructions": "system", "input": "user", "prompt": "user", "messages": "user"}
_OF_PROGRAMS: Final = frozenset({"role", "type", "model", "id", "tool_call_id", "call_id", "user"})
_OF_REPLIES: Final = _OF_PROGRAMS | frozenset(
    {
        "object", "finish_reason", "stop_reason", "stop_sequence", "status", "system_fingerprint", "service_tier",
        "item_id", "response_id", "previous_response_id", "signature", "encrypted_content", "b64_json", "obfuscation",
    }
)  # fmt: skip
_OF_NOBODY: Final[frozenset[str]] = frozenset()
_GIVEN: Final = frozenset({"input", "arguments"})  # what a call is given: its names are the tool's own
OVERLAP: Final = 200  # characters of a stream that are judged again with what follows them


def pieces_of(document: Mapping[str, Any]) -> list[Piece]:
    """Every text of a request, with whose word it is.

    What a tool has brought is a tool's wherever it stands; what has no role is taken for what its member is for.
    """
    found: list[Piece] = []
    for name, value in document.items():
        if name not in _OF_PROGRAMS:
            found.extend(_texts(value, _NAMED.get(name, "other"), 0, _OF_PROGRAMS))
    return found


Path = tuple[str | int, ...]


class Said(NamedTuple):
    """One text of a reply. It keeps its place in the document while a stream goes on and the text grows."""

    path: Path
    piece: Piece


def texts_of_reply(document: Any) -> list[Said]:
    """Every text of a reply, whole or as far as its stream has come."""
    return list(_placed(document, (), "assistant", _OF_REPLIES))


def answer_of(reply: Mapping[str, Any]) -> str:
    """What the model says in a reply; nothing where it only thinks, refuses by name or calls tools."""
    return answer_and_refusal_of(reply)[0]


def refusal_of(reply: Mapping[str, Any]) -> str:
    """The words of a refusal that is one by name."""
    return answer_and_refusal_of(reply)[1]


def answer_and_refusal_of(reply: Mapping[str, Any]) -> tuple[str, str]:
    """Both of these, read once."""
    answer, refusal = [], []
    for path, piece in _placed(reply, (), "assistant", _OF_REPLIES):
        if is_answer(path):
            answer.append(piece.text)
        elif path[-1:] == ("refusal",):
            refusal.append(piece.text)
    return "\n".join(answer), "\n".join(refusal)


def _placed(value: Any, path: Path, source: str, codes: frozenset[str]) -> Iterator[Said]:
    if len(path) > MAX_DEPTH:
        return
    if isinstance(value, str):
        for at, text in enumerate(readings_of(value)):
            if text:
                yield Said((*path, at) if at else path, Piece(text, source))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _placed(each, (*path, at), source, codes)
    elif isinstance(value, dict):
        for name, each in value.items():
            if not _is_code(name, each, codes):
                yield from _placed(each, (*path, name), source, _codes(name, each, codes))


def as_read(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces as a reader of JSON has them: judges are shown what escapes in a call's arguments say, not how."""
    if not any("\\" in text for text, _ in pieces):
        return pieces
    return [Piece(unescaped(text), source) for text, source in pieces]


class Windows:
    """What of a growing reply has not been judged yet, and a little of what has, beside which it is judged.

    A text that is another one than it was at its place is new: choices and calls move when one comes before them.
    """

    __slots__ = ("_judged",)

    def __init__(self) -> None:
        self._judged: dict[Path, str] = {}

    def take(self, said: Sequence[Said]) -> list[Piece]:
        """The new parts of its texts; they count as judged from now on."""
        pieces: list[Piece] = []
        for path, (text, source) in said:
            known = self._judged.get(path, "")
            if text != known:
                start = max(0, len(known) - OVERLAP) if text.startswith(known) else 0
                pieces.append(Piece(text[start:], source))
                self._judged[path] = text
        return pieces


def _texts(value: Any, source: str, depth: int, codes: frozenset[str]) -> Iterator[Piece]:
    if isinstance(value, str):
        yield from (Piece(text, source) for text in readings_of(value) if text)
    elif depth >= MAX_DEPTH:
        return
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, source, depth + 1, codes)
    elif isinstance(value, dict):
        source = _source(value, source)
        for name, each in value.items():
            if not _is_code(name, each, codes):
                yield from _texts(each, source, depth + 1, _codes(name, each, codes))


def _is_code(name: str, value: Any, codes: frozenset[str]) -> bool:
    """Whether it is a word for programs: what has blanks or letters of other alphabets is none."""
    return name in codes and isinstance(value, str) and value.isascii() and len(value.split(None, 1)) <= 1


def is_of_programs(stage: Stage, name: str, text: str) -> bool:
    """Whether the text of a member of that name is a word for programs, and none of a request's or reply's texts."""
    return _is_code(name, text, _OF_PROGRAMS if stage is Stage.REQUEST else _OF_REPLIES)


def _codes(name: str, value: Any, outer: frozenset[str]) -> frozenset[str]:
    return _OF_NOBODY if name in _GIVEN and isinstance(value, dict) else outer


def _source(value: dict[str, Any], outer: str) -> str:
    kind, role = value.get("type"), value.get("role")
    if outer == "tool" or (isinstance(kind, str) and kind in _TOOLS):
        return "tool"
    is_message = "content" in value or kind == "message"  # a part of one can't say whose word it is
    return _SOURCES.get(role, outer) if is_message and isinstance(role, str) else outer
