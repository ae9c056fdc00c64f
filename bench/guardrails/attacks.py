"""Attempts to take a model over, and prompts that only look like it."""

import base64
import codecs
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from bench.guardrails.book import LANGUAGES, book
from bench.guardrails.corpus import corpus
from bench.guardrails.dice import Dice
from bench.guardrails.words import WORDS

BENIGN: Final = {"task": 1000, "document": 500}  # how many are made of each, beside those written by hand
ENCODED: Final = 8  # attacks played on by each way of hiding
_LOOKALIKES: Final = str.maketrans("aeopcxi", "аеорсхі")
_LEET: Final = str.maketrans("aeiost", "431057")


class Prompt(NamedTuple):
    """One text, whose word it is, and what it is: a family of attacks, or a sort of benign prompts."""

    text: str
    source: str
    family: str
    language: str
    is_attack: bool


def encodings(language: str) -> Mapping[str, Callable[[str], str]]:
    """Ways to hide a text; those for letters only where there are letters."""
    every: dict[str, Callable[[str], str]] = {
        "base64": lambda text: base64.b64encode(text.encode()).decode(),
        "hex": lambda text: text.encode().hex(),
        "url": lambda text: quote(text, safe=""),
        "zero_width": "\u200b".join,
        "tags": lambda text: "Hello! " + "".join(chr(0xE0000 + ord(each)) for each in text if each.isascii()),
    }
    if language == "ja":
        return {name: way for name, way in every.items() if name != "tags"}
    letters: dict[str, Callable[[str], str]] = {
        "rot13": lambda text: codecs.encode(text, "rot13"),
        "leet": lambda text: text.translate(_LEET),
        "lookalikes": lambda text: text.translate(_LOOKALIKES),
        "spaced": " ".join,
        "reversed": lambda text: text[::-1],
        "full_width": lambda text: "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text),
    }
    return every | letters


def attacks(which: str) -> Iterator[Prompt]:
    """Every attack of a set."""
    for language in LANGUAGES:
        pages = book("attacks", which)[language]
        yield from _direct(pages, language)
        yield from _embedded(pages, which, language)
        for carrier in pages["indirect"]["carriers"]:
            for payload in pages["indirect"]["payloads"]:
                yield Prompt(carrier.replace("«payload»", payload), "tool", "indirect", language, True)
        yield from _encoded(pages, language)


def _direct(pages: Mapping[str, Any], language: str) -> Iterator[Prompt]:
    for family, texts in pages["attacks"].items():
        yield from (Prompt(text, "user", family, language, True) for text in texts)


def _embedded(pages: Mapping[str, Any], which: str, language: str) -> Iterator[Prompt]:
    """The same in the middle of a task about some other text."""
    samples = [each.text for each in corpus("benign", which, 77, 200) if each.language == language]
    for number, prompt in enumerate(_direct(pages, language)):
        before, after = samples[number % len(samples)], samples[(number + 1) % len(samples)]
        yield prompt._replace(text=f"{before}\n\n{prompt.text}\n\n{after[:120]}", family="embedded")


def _encoded(pages: Mapping[str, Any], language: str) -> Iterator[Prompt]:
    """Each way plays on others, so that no single sentence decides about all of them."""
    told = cycle(prompt.text for prompt in _direct(pages, language) if prompt.family != "fake_turns")
    wrappers = cycle(pages["encoded"]["wrappers"])
    for name, encode in encodings(language).items():
        for text in islice(told, ENCODED):
            hidden = next(wrappers).replace("«payload»", encode(text))
            yield Prompt(hidden, "user", f"encoded: {name.replace('_', ' ')}", language, True)


def benign(which: str, seed: int, share: float = 1.0) -> Iterator[Prompt]:
    """Prompts and tool results that are none: by hand, and tasks about texts of every form."""
    for language in LANGUAGES:
        pages = book("attacks", which)[language]
        for sort in ("plain", "hard"):
            yield from (Prompt(text, "user", sort, language, False) for text in pages["benign"][sort])
        for carrier in pages["indirect"]["carriers"]:
            yield Prompt(carrier.replace("«payload»", ""), "tool", "carriers", language, False)
    size = int(share * BENIGN["task"])
    for number, sample in enumerate(corpus("benign", which, seed + 1000, size)):
        asked = Dice(f"asked/{number}", sample.language).pick(WORDS["asked"][sample.language])
        yield Prompt(asked.format(sample.text), "user", "tasks", sample.language, False)
    for sample in corpus("pii", which, seed + 2000, int(share * BENIGN["document"])):
        yield Prompt(sample.text, "tool", "documents", sample.language, False)
