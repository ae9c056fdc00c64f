"""Japanese texts of programs, for the judge of injections: messages, comments, and pages of them."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

KANA: Final = re.compile(r"[ぁ-んァ-ヶ]")
CATALOGUES: Final = "ja/LC_MESSAGES/*.po"
NOTES: Final = "releasenotes/source/locale/ja/LC_MESSAGES/*.po"
SHORT_PAGE: Final = 6  # messages
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


def pages(roots: Iterable[Path]) -> Iterator[str]:
    """Long pages of all those: a page of many plain words must not add up to what an attack says in few."""
    for root in roots:
        yield from _in_a_row([*_of_catalogues(root, CATALOGUES), *_of_json(root), *_lines(root)], LONG_PAGE)


def _joined(said: Sequence[str]) -> Iterator[str]:
    yield from said
    yield from _in_a_row(said, SHORT_PAGE)


def _in_a_row(said: Sequence[str], many: int) -> Iterator[str]:
    return ("\n".join(said[at : at + many]) for at in range(0, len(said), many // 2))


def _of_catalogues(root: Path, where: str) -> list[str]:
    said = []
    for path in sorted(root.rglob(where)):
        blocks = path.read_text("utf-8").split("\n\n")
        texts = ["".join(re.findall(r'"(.*)"', block.partition("msgstr")[2])) for block in blocks[1:]]
        said += [text.replace("\\n", "\n") for text in texts if KANA.search(text)]
    return said


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
