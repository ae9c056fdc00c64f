"""What every dialect's request and answer come down to. No wire shapes here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.domain.usage import Usage

CREATED: Final = 1_767_225_600  # 2026-01-01: answers carry no clock, so that they repeat themselves


class ApiError(Exception):
    """A refusal with a status, worded as the provider would; `param` names the field to blame."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: who, what, and how many images."""

    role: str
    text: str
    images: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the caller offers."""

    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One request. `tool_choice` is auto, none, required, or `=name`; `schema` asks for JSON, `{}` for any object."""

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    is_parallel: bool = True
    schema: Mapping[str, Any] | None = None
    stop: tuple[str, ...] = ()
    limit: int | None = None
    choices: int = 1

    @property
    def last(self) -> Turn:
        return self.turns[-1] if self.turns else Turn("user", "")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model makes; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One choice. `finish` is stop, length, tool_calls or refusal; `stopped_by` the stop sequence that was met."""

    pieces: tuple[str, ...]
    finish: str
    calls: tuple[ToolCall, ...] = ()
    stopped_by: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A request with its answers, ready for a dialect. `digest` is hexadecimal, the same for the same request."""

    prompt: Prompt
    body: Mapping[str, Any]
    answers: tuple[Answer, ...]
    usage: Usage
    digest: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event; `tokens` sets its pace, `is_last` marks the one that ends the stream."""

    payload: Any
    event: str | None = None
    tokens: int = 0
    is_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One dialect's way to ask and to answer. `done` closes its streams."""

    read: Callable[[Mapping[str, Any]], Prompt]  # raises ApiError
    whole: Callable[[Written], dict[str, Any]]
    frames: Callable[[Written], Iterator[Frame]]
    refuse: Callable[[ApiError], dict[str, Any]]
    done: bytes = b""
