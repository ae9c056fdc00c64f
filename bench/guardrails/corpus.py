"""Builds the corpora: personal data, secrets, disguised data, and texts with nothing in them. Same seed, same texts."""

from collections.abc import Callable, Iterator
from typing import Final

from bench.guardrails import hard
from bench.guardrails.book import LANGUAGES, PROSE, TABLES, Writer, book
from bench.guardrails.dice import Dice
from bench.guardrails.labels import Labelled, Sample, filled
from bench.guardrails.values import value

SIZES: Final = {"pii": 1500, "secrets": 800, "hard": 600, "benign": 1600}
QUICK_SIZES: Final = {"pii": 300, "secrets": 160, "hard": 120, "benign": 1000}
SECTIONS: Final = tuple(SIZES)


def corpus(section: str, which: str, seed: int, size: int) -> list[Sample]:
    """Build `size` texts of a section, every second one Japanese."""
    return list(_samples(section, which, seed, size))


def _samples(section: str, which: str, seed: int, size: int) -> Iterator[Sample]:
    for number in range(size):
        language = LANGUAGES[number % len(LANGUAGES)]
        writer = Writer(which, Dice(f"{section}/{which}/{seed}/{number}", language))
        form, made = _BUILDERS[section](writer, number // len(LANGUAGES))
        yield Sample(made.text, made.labels, language, form)


def _pii(writer: Writer, number: int) -> tuple[str, Labelled]:
    """Every kind in turn, so that each has its share; most texts have others beside it."""
    forms = PROSE + TABLES + PROSE
    form = forms[number % len(forms)]
    if form in TABLES:
        return form, writer.table(form, _names(writer, form, number), writer.dice.number(2, 5))
    kinds = list(writer.book["sentences"])
    wanted = [kinds[number % len(kinds)], *writer.dice.some(kinds, writer.dice.pick([0, 1, 1, 2, 3]))]
    sentences = [writer.fill(writer.dice.pick(writer.book["sentences"][kind])) for kind in dict.fromkeys(wanted)]
    return form, writer.prose(form, writer.mixed(_with_passage(writer, sentences, 0.2), writer.dice.number(2, 6)))


def _with_passage(writer: Writer, sentences: list[Labelled], share: float) -> list[Labelled]:
    passage = Labelled("\n") + writer.passage() + Labelled("\n")
    return [*sentences, passage] if writer.dice.happens(share) else sentences


def _names(writer: Writer, form: str, number: int) -> list[str]:
    fields = list(writer.book["fields"])
    if form in {"log", "code"}:
        return [*fields, "mobile"]
    return list(dict.fromkeys([fields[number % len(fields)], *writer.dice.some(fields, writer.dice.number(1, 4))]))


def _secrets(writer: Writer, number: int) -> tuple[str, Labelled]:
    groups = ("prose", "config", "log")
    group = groups[number % 3]
    own = writer.book["secrets"][group]
    wanted = [writer.fill(own[(number // 3) % len(own)])]
    if group == "prose":
        form = PROSE[number % len(PROSE)]
        return form, writer.prose(form, writer.mixed(wanted, writer.dice.number(1, 5)))
    wanted += [writer.fill(each) for each in writer.dice.some(own, writer.dice.number(0, 2))]
    others = writer.book["lines"]["code_benign" if group == "config" else "log_benign"]
    wanted += [writer.fill(each) for each in writer.dice.some(others, writer.dice.number(1, 4))]
    writer.dice.chance.shuffle(wanted)
    return group, _lines(writer, wanted)


def _lines(writer: Writer, lines: list[Labelled]) -> Labelled:
    """Lines by themselves, or shown to somebody inside a chat turn."""
    newline = Labelled("\n")
    block = lines[0]
    for line in lines[1:]:
        block = block + newline + line
    if writer.dice.happens(0.5):
        return block
    return writer.prose("chat", [*writer.fillers(1), Labelled("\n```\n") + block + Labelled("\n```\n")])


def _hard(writer: Writer, number: int) -> tuple[str, Labelled]:
    """A value in disguise, in the same sentences as the plain ones."""
    pairs = hard.tricks(writer.dice.language)
    trick, kind = pairs[number % len(pairs)]
    fitting = [each for each in writer.book["sentences"][kind] if f"«{kind}»" in each]

    def fill(name: str) -> Labelled:
        made = value(name, writer.dice)
        return hard.disguised(trick, made, writer.dice) if name == kind else made

    sentence = filled(writer.dice.pick(fitting), fill)
    form = PROSE[number % len(PROSE)]
    return trick, writer.prose(form, writer.mixed([sentence], writer.dice.number(1, 4)))


def _benign(writer: Writer, number: int) -> tuple[str, Labelled]:
    forms = PROSE + TABLES
    form = forms[number % len(forms)]
    if form in {"log", "code"}:
        lines = [writer.fill(each) for each in writer.book["lines"][f"{form}_benign"] * 2]
        return form, _lines(writer, [*lines, *writer.hard(1)])
    if form in TABLES:
        return form, writer.table(form, [], 5)
    sentences = [*writer.fillers(writer.dice.number(2, 6)), *writer.hard(writer.dice.number(1, 4))]
    sentences = _with_passage(writer, sentences, 0.5)
    writer.dice.chance.shuffle(sentences)
    return form, writer.prose(form, sentences)


_BUILDERS: Final[dict[str, Callable[[Writer, int], tuple[str, Labelled]]]] = {
    "pii": _pii,
    "secrets": _secrets,
    "hard": _hard,
    "benign": _benign,
}


def replies(which: str, seed: int, language: str, count: int) -> list[str]:
    """Answers of a model as they would be streamed: mostly ordinary words, a value in every third."""
    texts = []
    for number in range(count):
        writer = Writer(which, Dice(f"reply/{which}/{seed}/{number}/{language}", language))
        kinds = list(book(which, language)["sentences"])
        values = (
            [writer.fill(writer.dice.pick(writer.book["sentences"][kinds[number % len(kinds)]]))]
            if number % 3 == 0
            else []
        )
        texts.append(writer.paragraphs(writer.mixed(values, 5)).text)
    return texts
