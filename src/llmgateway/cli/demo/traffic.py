"""The demo's callers: a fixed mix of ordinary requests, streams, tools, mistakes and bad luck, sent with the SDK."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import openai

_AT_ONCE: Final = 8
_BROKE_OFF: Final = "broke off"
_QUESTIONS: Final = (
    "Which bridge is the oldest one in town?",
    "How do I tell a lantern from a signal?",
    "Summarise the letter from the harbour.",
    "What does the northern river carry in spring?",
    "Write one line about patience.",
)
_WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Look up the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
# One of each in every forty requests; the rest are plain chat.
_SPECIAL: Final = {7: "tool", 13: "stumble", 19: "tool", 27: "mistake", 33: "cut", 39: "down"}

_TROUBLED: Final = frozenset({"mistake", "cut", "down"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request to send. `kind` says what is special about it."""

    number: int
    kind: str
    user: str
    stream: bool
    max_tokens: int | None = None

    def body(self, route: str) -> dict[str, Any]:
        """What the SDK is to send."""
        question = f"{_QUESTIONS[self.number % len(_QUESTIONS)]} (#{self.number})"
        body: dict[str, Any] = {"model": route, "user": self.user, "messages": [{"role": "user", "content": question}]}
        match self.kind:
            case "tool":
                body["messages"][0]["content"] = "What is the weather in Oslo? Use get_weather."
                body["tools"] = [_WEATHER]
            case "stumble":  # the backend fails once: the gateway tries again, and the caller never knows
                body["metadata"] = {"mock_error": "503", "mock_first": "1"}
            case "down":  # every try fails
                body["metadata"] = {"mock_error": "503"}
            case "cut":  # the backend's stream breaks off in the middle
                body["metadata"] = {"mock_fault": "cut"}
            case "mistake":
                body["max_tokens"] = -1
            case _:
                pass
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        if self.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body


@dataclass(slots=True)
class Outcome:
    """What the caller saw. Times are seconds by its own clock; `error` is the SDK's exception or the like."""

    request: Request
    total_s: float = 0.0
    first_token_s: float | None = None
    error: str | None = None
    exchange: str | None = None

    @property
    def is_expected(self) -> bool:
        """It ended as its kind is meant to: trouble that was staged ends in trouble, and all else in an answer."""
        return (self.error is not None) == (self.request.kind in _TROUBLED)

    @property
    def is_staged(self) -> bool:
        """It was trouble made on purpose, and ended as it should."""
        return self.is_expected and self.request.kind in {*_TROUBLED, "stumble"}

    @property
    def is_cut(self) -> bool:
        """A stream that had begun broke off."""
        return self.error == _BROKE_OFF

    @property
    def told(self) -> str:
        """What happened, in short."""
        return f"{self.request.kind}: {self.error or 'answered'}"


def plan(count: int) -> list[Request]:
    """Choose the requests: the same every time."""
    return [_request(number) for number in range(count)]


def _request(number: int) -> Request:
    kind = _SPECIAL.get(number % 40, "chat")
    stream = kind == "cut" or (kind == "chat" and number % 3 == 0)
    return Request(number, kind, f"user-{number * 7 % 160:03d}", stream)


async def send(
    requests: list[Request], base_url: str, key: str, route: str, done: Callable[[Outcome], None]
) -> list[Outcome]:
    """Send the requests, a few at a time and in order; `done` hears of each."""
    queue: Iterator[Request] = iter(requests)
    outcomes: list[Outcome] = []
    async with connected(base_url, key) as client:

        async def caller() -> None:
            for request in queue:
                outcome = await ask(client, request, route)
                outcomes.append(outcome)
                done(outcome)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(caller())
    return outcomes


def connected(base_url: str, key: str) -> openai.AsyncOpenAI:
    """The official client, as applications use it, but for retries: what goes wrong is to be seen."""
    return openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0, timeout=30)


async def ask(client: openai.AsyncOpenAI, request: Request, route: str) -> Outcome:
    """Send one request and read all of the answer. Never raises what a gateway can cause."""
    outcome, start = Outcome(request), time.perf_counter()
    try:
        raw = await client.chat.completions.with_raw_response.create(**request.body(route))
        outcome.exchange = raw.headers.get("x-request-id")
        if request.stream:
            async for chunk in raw.parse():
                if outcome.first_token_s is None and chunk.choices and chunk.choices[0].delta.content:
                    outcome.first_token_s = time.perf_counter() - start
    except openai.APIStatusError as error:
        outcome.error = str(error.status_code)
        outcome.exchange = error.response.headers.get("x-request-id")
    except openai.APIError as error:
        outcome.error = _BROKE_OFF if outcome.first_token_s is not None else type(error).__name__
    except OSError as error:
        outcome.error = type(error).__name__
    outcome.total_s = time.perf_counter() - start
    return outcome
