"""What a rule may ask of a request. Facts are looked up when they are asked; the one that costs time is remembered."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.config.conditions import Condition, Fact
from llmgateway.config.rules import ParamPath
from llmgateway.config.snapshot import Key
from llmgateway.domain.usage import estimate_tokens
from llmgateway.routing.select import HeaderOf

Document = Mapping[str, Any]
IMAGE_TYPES: Final = frozenset({"image_url", "input_image", "image"})  # of chat, of responses, of Anthropic's messages


@dataclass(slots=True)
class Facts:
    """One request. `document` is its JSON body (None: an upload, or nothing), `size` the bytes of that body, `at` the
    Unix time of its arrival."""

    key: Key
    header: HeaderOf
    document: Document | None
    size: int
    dialect: str
    is_stream: bool
    at: float
    _images: tuple[int, int] | None = None

    @property
    def images(self) -> tuple[int, int]:
        """How many images the body holds, and how many bytes of it they are."""
        if self._images is None:
            sizes = [_image_bytes(part) for part in _parts(self.document or {}) if _is_image(part)]
            self._images = len(sizes), sum(sizes)
        return self._images

    @property
    def tokens(self) -> int | None:
        """The input tokens, estimated from the body without its images, whose bytes say nothing about theirs."""
        return None if self.document is None else estimate_tokens(max(0, self.size - self.images[1]))

    @property
    def has_tools(self) -> bool:
        return self.document is not None and bool(self.document.get("tools") or self.document.get("functions"))


Ask = Callable[[Facts, Condition], Any]


def _header(facts: Facts, condition: Condition) -> str | None:
    value = facts.header(condition.name.encode())
    return None if value is None else value.decode("ascii", "replace")


ASK: Final[Mapping[Fact, Ask]] = {
    Fact.KEY: lambda facts, _: facts.key.name,
    Fact.DIALECT: lambda facts, _: facts.dialect,
    Fact.STREAM: lambda facts, _: facts.is_stream,
    Fact.KEY_TAG: lambda facts, condition: facts.key.tags.get(condition.name),
    Fact.HEADER: _header,
    Fact.PARAM: lambda facts, condition: _member(facts.document, condition.path),
    Fact.METADATA: lambda facts, condition: _member(facts.document, ("metadata", condition.name)),
    Fact.TOKENS: lambda facts, _: facts.tokens,
    Fact.TIME: lambda facts, _: facts.at,
    Fact.TOOLS: lambda facts, _: facts.has_tools,
    Fact.IMAGES: lambda facts, _: facts.images[0] > 0,
}
"""How to ask for each fact. None: the request does not have it."""


def _member(document: Any, path: ParamPath) -> Any:
    for name in path:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def _parts(document: Document) -> Iterator[Document]:
    """The pieces that a conversation's content is made of, those within tools' results too."""
    for turns in (document.get("messages"), document.get("input")):
        for turn in _objects(turns):
            yield turn
            for content in (turn.get("content"), turn.get("output")):
                for part in _objects(content):
                    yield part
                    yield from _objects(part.get("content"))


def _objects(value: Any) -> Iterator[Document]:
    return (each for each in value if type(each) is dict) if type(value) is list else iter(())


def _is_image(part: Document) -> bool:
    kind = part.get("type")
    return type(kind) is str and kind in IMAGE_TYPES


def _image_bytes(part: Document) -> int:
    """The length of what stands for the image: a URL, or its base64."""
    size = 0
    for name in ("image_url", "source"):
        value = part.get(name)
        inner = (value.get("url"), value.get("data")) if isinstance(value, dict) else (value,)
        size += sum(len(text) for text in inner if isinstance(text, str))
    return size
