"""Japanese texts of programs, for the judge of injections: messages, comments, and pages of them."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

KANA: Final = re.compile(r"[ぁ-んァ-ヶ]")
CATALOGUES: Final = "ja/LC_MESSAGES/*.po"
NOTES: Final = "releasenotes/source/locale/ja/LC_MESSAGES/*.po"
SHORT_PAGE: Final = 6  # messages
LEAFLET: Final = 2000  # characters
OFFICE: Final = 900  # characters
LONG_PAGE: Final = 30  # messages: more than is weighed together


def messages(root: Path, where: str = CATALOGUES) -> Iterator[str]:
    """Messages of a program, and some of them joined as they stand on a page."""
    yield from _joined(_of_catalogues(root, where))


def catalogue(root: Path) -> Iterator[str]:
    """The same of catalogues in JSON."""
    yield from _joined(_of_json(root))


def commented(root: Path) -> Iterator[str]:
    """Lines of sources and descriptions that are Japanese, and five of them in a row."""
    lines = _lines(root)
    yield from lines
    yield from ("\n".join(lines[at : at + 5]) for at in range(0, len(lines), 2))


def leaflets(roots: Iterable[Path]) -> Iterator[str]:
    """What agents and their developers are told in Markdown, whole and by paragraph."""
    for path in chain.from_iterable(sorted(root.rglob("*.md")) for root in roots):
        text = path.read_text("utf-8")
        yield from filter(KANA.search, (text[:LEAFLET], *re.split(r"\n\s*\n", text)))


def offices(root: Path) -> Iterator[str]:
    """What offices say of their grants: summaries, and stretches of their pages."""
    for path in sorted(root.rglob("*.json")):
        for each in json.loads(path.read_text("utf-8")):
            for text in filter(None, (each.get("summary"), each.get("raw_text"))):
                yield from (text[at : at + OFFICE] for at in range(0, len(text), OFFICE))


def pages(roots: Iterable[Path]) -> Iterator[str]:
    """Long pages of all those: a page of many plain words must not add up to what an attack says in few."""
    for root in roots:
        yield from _in_a_row([*_of_catalogues(root, CATALOGUES), *_of_json(root), *_lines(root)], LONG_PAGE)


def bilingual(roots: Iterable[Path]) -> Iterator[str]:
    """Pages that are half translated: every other message is still in English."""
    for root in roots:
        said = _of_catalogues(root, CATALOGUES)
        foreign = _of_catalogues(root, CATALOGUES, "msgid")
        yield from _in_a_row([each for both in zip(said[::2], foreign[1::2], strict=False) for each in both], LONG_PAGE)


def _joined(said: Sequence[str]) -> Iterator[str]:
    yield from said
    yield from _in_a_row(said, SHORT_PAGE)


def _in_a_row(said: Sequence[str], many: int) -> Iterator[str]:
    return ("\n".join(said[at : at + many]) for at in range(0, len(said), many // 2))


def _of_catalogues(root: Path, where: str, which: str = "msgstr") -> list[str]:
    said = []
    for path in sorted(root.rglob(where)):
        for block in path.read_text("utf-8").split("\n\n")[1:]:
            original, _, translated = block.partition("msgid")[2].partition("msgstr")
            texts = {"msgid": original, "msgstr": translated}
            if KANA.search(_unquoted(translated)):
                said.append(_unquoted(texts[which]))
    return said


def _unquoted(text: str) -> str:
    return "".join(re.findall(r'"(.*)"', text)).replace("\\n", "\n")


def _of_json(root: Path) -> list[str]:
    said = []
    for path in sorted(root.rglob("locale/ja_JP/**/*.json")):
        found = json.loads(path.read_text("utf-8"))
        said += [" ".join(each) for each in found.values() if isinstance(each, list) and KANA.search(" ".join(each))]
    return said


def _lines(root: Path) -> list[str]:
    lines = []
    for path in sorted([*root.rglob("*.py"), *root.rglob("METADATA")]):
        lines += [
            re.sub(r"^[\s#\"'*>-]+", "", line) for line in path.read_text("utf-8").splitlines() if KANA.search(line)
        ]
    return lines
