"""The pretend model's mind: the same answer to the same prompt. Pure: no clock, no socket, no true chance."""

import hashlib
import random
from collections.abc import Iterator
from typing import Final

from llmgateway.domain.usage import Usage
from llmgateway.modelserver import tokens
from llmgateway.modelserver.knobs import LONGEST_ANSWER, Knobs
from llmgateway.modelserver.prompt import Answer, Prompt, Tool, ToolCall
from llmgateway.modelserver.sample import sample
from llmgateway.wire.jsoncodec import encode

_QUOTED: Final = 80  # characters of the question that the answer repeats
REFUSAL: Final = "I'm sorry, but I can't help with that."
_VOICES: Final = (
    "In short:",
    "Gladly.",
    "Let us see.",
    "A plain answer:",
    "Well, now:",
    "To the point:",
    "As I see it:",
)
_ADJECTIVES: Final = ("quiet", "bright", "narrow", "patient", "old", "northern", "simple", "steady", "café-grey")
_NOUNS: Final = ("river", "gateway", "lantern", "orchard", "signal", "harbour", "meadow", "bridge", "letter")
_VERBS: Final = ("follows", "carries", "meets", "answers", "measures", "remembers", "crosses", "outlives")


def digest(prompt: Prompt, seed: int) -> str:
    """Name a request: model, messages, tools and the asked-for form, in 32 hexadecimal digits."""
    parts = (
        prompt.model,
        [(turn.role, turn.text, turn.images) for turn in prompt.turns],
        [tool.name for tool in prompt.tools],
        prompt.tool_choice,
        prompt.schema is not None,
        seed,
    )
    return hashlib.blake2b(encode(parts), digest_size=16).hexdigest()


def dice(seed: str) -> random.Random:
    """Make a source of choices that repeats itself for the same seed."""
    return random.Random(seed)  # noqa: S311  # repeatable on purpose; no secret comes of it


def compose(prompt: Prompt, knobs: Knobs, seed: str) -> tuple[Answer, ...]:
    """Write the answers of one request, `prompt.choices` of them."""
    return tuple(_one(prompt, knobs, f"{seed}.{number}") for number in range(prompt.choices))


def count_usage(prompt: Prompt, answers: tuple[Answer, ...], knobs: Knobs) -> Usage:
    """Count what a request used, by the rule of `tokens`."""
    asked = input_tokens(prompt)
    said = sum(len(answer.pieces) + _call_tokens(answer) for answer in answers)
    return Usage(
        input_tokens=asked,
        output_tokens=said + knobs.reasoning,
        cached_tokens=min(knobs.cached, asked),
        reasoning_tokens=knobs.reasoning,
    )


def input_tokens(prompt: Prompt) -> int:
    """Count a prompt's tokens."""
    images = sum(turn.images for turn in prompt.turns)
    texts = [turn.text for turn in prompt.turns]
    tools = [tool.name + encode(tool.parameters).decode() for tool in prompt.tools]
    return tokens.PER_MESSAGE * len(texts) + tokens.PER_IMAGE * images + tokens.count(texts) + tokens.count(tools)


def _call_tokens(answer: Answer) -> int:
    return tokens.count(part for call in answer.calls for part in (call.name, call.arguments))


def _one(prompt: Prompt, knobs: Knobs, seed: str) -> Answer:
    chooser = dice(seed)
    if chooser.random() < knobs.refusal_rate:
        return _bounded(REFUSAL, prompt, finish="refusal")
    if called := _wanted_tools(prompt):
        return Answer(pieces=(), finish="tool_calls", calls=tuple(_call(tool, chooser) for tool in called))
    if prompt.schema is not None:
        value = sample(prompt.schema, chooser) if prompt.schema else {"answer": _opening(prompt), "model": prompt.model}
        return _bounded(encode(value).decode(), prompt)
    return _bounded("".join(_prose(prompt, knobs, chooser)), prompt)


def _bounded(text: str, prompt: Prompt, finish: str = "stop") -> Answer:
    """Apply the caller's stop sequences and limit."""
    ends = [(at, word) for word in prompt.stop if word and (at := text.find(word)) >= 0]
    at, stopped_by = min(ends, default=(len(text), None))
    said = tokens.pieces(text[:at])
    limit = LONGEST_ANSWER if prompt.limit is None else prompt.limit
    if len(said) > limit:
        return Answer(pieces=tuple(said[:limit]), finish="length")
    return Answer(pieces=tuple(said), finish=finish, stopped_by=stopped_by)


def _prose(prompt: Prompt, knobs: Knobs, chooser: random.Random) -> Iterator[str]:
    opening = _opening(prompt)
    wanted = knobs.tokens or int(chooser.randint(28, 60) * knobs.verbosity)
    told = 0
    for sentence in _sentences(opening, chooser):
        cut = tokens.pieces(sentence)
        if told + len(cut) >= wanted:
            yield "".join(cut[: wanted - told]) if knobs.tokens else sentence
            return
        told += len(cut)
        yield sentence


def _sentences(opening: str, chooser: random.Random) -> Iterator[str]:
    yield opening
    while True:
        subject = f"{chooser.choice(_ADJECTIVES)} {chooser.choice(_NOUNS)}"
        yield f" The {subject} {chooser.choice(_VERBS)} the {chooser.choice(_ADJECTIVES)} {chooser.choice(_NOUNS)}."


def _opening(prompt: Prompt) -> str:
    voice = dice(prompt.model).choice(_VOICES)
    last = prompt.last
    quote = " ".join(last.text.split())[:_QUOTED]
    seen = f" I count {last.images} image{'s' * (last.images != 1)}." if last.images else ""
    what = "The tool says" if last.role == "tool" else "You asked"
    return f"{voice} This is {prompt.model}. {what}: “{quote}”.{seen}"


def _wanted_tools(prompt: Prompt) -> list[Tool]:
    """The tools to call: those that are forced, or those the last user message names or speaks of."""
    choice = prompt.tool_choice
    if not prompt.tools or choice == "none":
        return []
    if choice.startswith("="):
        return [tool for tool in prompt.tools if tool.name == choice[1:]]
    said = prompt.last.text.lower() if prompt.last.role == "user" else ""
    named = [tool for tool in prompt.tools if _speaks_of(said, tool.name)]
    if not named and (choice == "required" or "tool" in said):
        named = [prompt.tools[0]]
    return named if prompt.is_parallel else named[:1]


def _speaks_of(said: str, name: str) -> bool:
    lowered = name.lower()
    return lowered in said or any(len(word) > 3 and word in said for word in lowered.split("_"))


def _call(tool: Tool, chooser: random.Random) -> ToolCall:
    arguments = sample(tool.parameters, chooser)
    return ToolCall(
        id=f"{chooser.getrandbits(96):024x}",
        name=tool.name,
        arguments=encode(arguments if isinstance(arguments, dict) else {}).decode(),
    )
