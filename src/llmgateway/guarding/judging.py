"""Judges in a chain: whose word each text of a request is, and what follows from what judges say of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.chain import Hit
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.notes import Notes
from llmgateway.ports.judge import SOURCES, Judge, Piece

MAX_DEPTH: Final = 100
_SOURCES: Final = {**{source: source for source in SOURCES}, "developer": "system", "function": "tool"}
_TOOLS: Final = frozenset({"tool_result", "function_call_output", "custom_tool_call_output", "computer_call_output"})
_NAMED: Final = {"system": "system", "instructions": "system", "input": "user", "prompt": "user", "messages": "user"}
_OF_PROGRAMS: Final = frozenset({"role", "type", "model", "id", "tool_call_id", "call_id", "user"})


@dataclass(frozen=True, slots=True)
class JudgeLink:
    """One judge as a route uses it; it flags or blocks, and looks into requests."""

    name: str
    guardrail: Judge
    action: Action
    mode: Mode = Mode.ENFORCE
    restore: bool = False
    is_silent: bool = False

    @property
    def is_enforced(self) -> bool:
        return self.mode is Mode.ENFORCE and self.action is Action.BLOCK


def ask(links: Sequence[JudgeLink], document: Mapping[str, Any], notes: Notes) -> None:
    """Have every judge look at a request. Raises Blocked where one does not let it pass."""
    pieces = pieces_of(document)
    for link in links:
        hits = [Hit(found.start, found.end, link, found.kind, found.score) for _, found in link.guardrail.judge(pieces)]
        notes.add(Stage.REQUEST, hits)
        if hits and link.is_enforced:
            raise Blocked(hits[0])


def pieces_of(document: Mapping[str, Any]) -> list[Piece]:
    """Every text of a request, with whose word it is.

    What a tool has brought is a tool's wherever it stands; what has no role is taken for what its member is for.
    """
    found: list[Piece] = []
    for name, value in document.items():
        if name not in _OF_PROGRAMS:
            found.extend(_texts(value, _NAMED.get(name, "other"), 0))
    return found


def _texts(value: Any, source: str, depth: int) -> Iterator[Piece]:
    if isinstance(value, str):
        if value and not _is_file(value):
            yield Piece(value, source)
    elif depth >= MAX_DEPTH:
        return
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, source, depth + 1)
    elif isinstance(value, dict):
        source = _source(value, source)
        for name, each in value.items():
            if name not in _OF_PROGRAMS or not isinstance(each, str):
                yield from _texts(each, source, depth + 1)


def _source(value: dict[str, Any], outer: str) -> str:
    kind, role = value.get("type"), value.get("role")
    if outer == "tool" or (isinstance(kind, str) and kind in _TOOLS):
        return "tool"
    is_message = "content" in value or kind == "message"  # a part of one can't say whose word it is
    return _SOURCES.get(role, outer) if is_message and isinstance(role, str) else outer


def _is_file(text: str) -> bool:
    """Whether it is a picture or the like, given as a URL: no text, however long."""
    return text.startswith("data:") and not text.startswith("data:text") and ";base64," in text[:200]
