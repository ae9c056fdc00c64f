"""How a report speaks: sentences of one language, and figures as people read them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from llmgateway.report import words_en, words_ja
from llmgateway.report.figures import Share, Spread
from llmgateway.telemetry.redact import one_line

LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {"en": words_en.WORDS, "ja": words_ja.WORDS}
LONGEST: Final = 1_000  # characters of what somebody wrote
NOTHING: Final = "\u2013"


class Say:
    """Says things in one language; KeyError for a language, or a thing, that it does not know."""

    __slots__ = ("_words", "language")

    def __init__(self, language: str) -> None:
        self._words = LANGUAGES[language]
        self.language = language

    def __call__(self, key: str, **figures: object) -> str:
        return self._words[key].format(**figures)

    def name(self, family: str, word: str) -> str:
        """What a word of the gateway's own is called; the word itself where it has no name."""
        return self._words.get(f"{family}.{word}") or said(word)

    def share(self, share: Share) -> str:
        """A share in per cent, as exact as so many allow."""
        return NOTHING if share.share is None else percent(share.share, share.of)

    def interval(self, share: Share) -> str:
        if share.share is None:
            return ""
        low, high = share.interval
        return self("interval", low=percent(low, share.of, "{}"), high=percent(high, share.of))

    def half(self, spread: Spread | None) -> str:
        """Within which time half of the answers were there."""
        return NOTHING if spread is None else seconds(spread.p50)

    def most(self, spread: Spread | None) -> str:
        """Within which time 95 of a hundred were there."""
        return NOTHING if spread is None else seconds(spread.p95)


def seconds(value: float) -> str:
    """A duration, to two digits."""
    return (
        f"{value * 1000:.0f}\u00a0ms" if value < 1 else f"{value:.2g}\u00a0s" if value < 10 else f"{value:,.0f}\u00a0s"
    )


def percent(value: float, of: int, form: str = "{}\u00a0%") -> str:
    """Per cent, with as many digits as a share of so many has."""
    digits = 1 if of < 1_000 else 2 if of < 100_000 else 3
    return form.format(f"{100 * value:.{digits}f}")


def count(value: int) -> str:
    return f"{value:,}"


def said(text: str | None, most: int = LONGEST) -> str:
    """What somebody wrote, on one line, without credentials, and without what moves or turns text."""
    line = one_line(" ".join((text or "").split()))
    return line if len(line) <= most else f"{line[:most]}…"


def day(moment: float) -> str:
    return _local(moment).strftime("%Y-%m-%d")


def minute(moment: float) -> str:
    return _local(moment).strftime("%Y-%m-%d %H:%M")


def second(moment: float) -> str:
    return _local(moment).strftime("%Y-%m-%d %H:%M:%S")


def zone(moment: float) -> str:
    """How far the times in the report are from UTC."""
    ahead = _local(moment).strftime("%z")
    return f"UTC{ahead[:3]}:{ahead[3:5]}"


def tick(moment: float, length_s: float) -> str:
    """The name of a moment on an axis whose periods are so long."""
    form = "%m-%d" if length_s >= 86_400 else "%m-%d %H:%M" if length_s >= 1_800 else "%H:%M:%S"
    return _local(moment).strftime(form)


def _local(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone()
