"""What guardrails cost: whole texts of 2 KB of many sorts, and streams delta by delta."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

from bench.guardrails import stream
from bench.guardrails.book import LANGUAGES
from bench.guardrails.corpus import replies
from bench.guardrails.detect import Unavailable, guardrail
from bench.guardrails.dice import Dice
from bench.guardrails.run import Settings
from bench.guardrails.sorts import SORTS, dense, words
from bench.table import Table
from llmgateway.ports.guardrail import Guardrail
from llmgateway.wire.view import View

TOGETHER: Final = ("pii", "secrets", "denylist")
ROUNDS, TEXTS, REPLIES = 3, 25, 60
LARGE: Final = 1 << 20
_IMPORT: Final = """
import sys, time
began = time.process_time()
for name in sys.argv[1:]:
    __import__(name)
print(time.process_time() - began)
"""


def measure(settings: Settings) -> dict[str, Any]:
    """Time each guardrail that is there, and all of them on one view; Unavailable where none is."""
    made, absent = _made(settings)
    if not made:
        raise Unavailable(" ".join(absent))
    groups: dict[str, list[Guardrail]] = {each.name: [each] for each in made}
    if len(made) > 1:
        groups["together"] = made
    whole, streams = {}, {}
    for name, group in groups.items():
        settings.progress(f"speed: {name}")
        whole[name] = {sort: _best(group, make, settings) for sort, make in SORTS.items()} | _large(group)
        streams[name] = {language: _stream(group, language, settings) for language in LANGUAGES}
    imports = {name: _import_ms([type(each).__module__ for each in group]) for name, group in groups.items()}
    return {"whole": whole, "streams": streams, "import_ms": imports, "absent": absent}


def _made(settings: Settings) -> tuple[list[Guardrail], list[str]]:
    made, absent = [], []
    for name in TOGETHER:
        options = settings.options.get(name) or ({"words": words()} if name == "denylist" else None)
        try:
            made.append(guardrail(name, options))
        except Unavailable as error:
            absent.append(str(error))
    return made, absent


def _best(group: Sequence[Guardrail], make: Callable[[Dice, str], str], settings: Settings) -> float:
    """Microseconds of CPU of a text: the mean of a round of fresh texts, of the best round."""
    dice = Dice(f"speed/{settings.seed}", "en")
    rounds = []
    for _ in range(1 + ROUNDS):
        texts = [make(dice, settings.which) for _ in range(TEXTS)]
        rounds.append(_timed(group, texts))
    return min(rounds[1:])


def _timed(group: Sequence[Guardrail], texts: Sequence[str]) -> float:
    started = time.process_time()
    for text in texts:
        view = View(text)
        for each in group:
            each.find(view)
    return (time.process_time() - started) / len(texts) * 1e6


def _large(group: Sequence[Guardrail]) -> dict[str, float]:
    """A megabyte, once; nobody waits for who is slow with a small part of it."""
    part = dense("en")(Dice("large", "en"), "test")
    if _timed(group, [part * 16]) > 1e6:
        return {"a megabyte": float("inf")}
    return {"a megabyte": _timed(group, [(part * (LARGE // len(part) + 1))[:LARGE]])}


def _stream(group: Sequence[Guardrail], language: str, settings: Settings) -> dict[str, Any]:
    texts = replies(settings.which, settings.seed, language, REPLIES)
    held: list[int] = []
    seconds, differing = 0.0, 0
    for number, text in enumerate(texts):
        run = stream.run(group, stream.deltas(text, Dice(str(number), language)))
        held += run.held
        seconds += run.seconds
        differing += run.text != stream.whole(group, text)
    ranked = sorted(held)
    return {
        "deltas": len(held),
        "us": seconds / len(held) * 1e6,
        "mean": fmean(held),
        **{
            name: ranked[int(share * (len(ranked) - 1))] for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
        "most": ranked[-1],
        "differing": differing,
        "replies": len(texts),
    }


def _import_ms(modules: Sequence[str]) -> float:
    """What loading costs a fresh interpreter, the package's own foundations included."""
    done = subprocess.run([sys.executable, "-c", _IMPORT, *modules], capture_output=True, text=True, check=True)
    return float(done.stdout) * 1e3


def tables(figures: Mapping[str, Any]) -> list[Table]:
    """What a text costs, and what a stream does."""
    whole, streams = figures["whole"], figures["streams"]
    rows = [[sort, *(f"{whole[name][sort]:,.1f}" for name in whole)] for sort in next(iter(whole.values()))]
    rows.append(["loading it, ms", *(f"{figures['import_ms'][name]:,.0f}" for name in whole)])
    flows = [
        _flow(f"{name}, {language}", each)
        for name, languages in streams.items()
        for language, each in languages.items()
    ]
    notes = [f"Left out: {each}" for each in figures["absent"]]
    return [
        Table("Microseconds of CPU for 2 KB", ["text", *whole], rows, notes),
        Table(
            "Streams: a delta, and the characters held back after each",
            [
                "guardrail, language",
                "μs",
                "p50",
                "p95",
                "p99",
                "most",
                "mean",
                "replies that differ from the whole text",
            ],
            flows,
            ["A delta is what a token is: some letters of a word, one or two Japanese characters."],
        ),
    ]


def _flow(name: str, each: Mapping[str, Any]) -> list[str]:
    held = [str(each[at]) for at in ("p50", "p95", "p99", "most")]
    return [name, f"{each['us']:.1f}", *held, f"{each['mean']:.1f}", f"{each['differing']} of {each['replies']}"]
