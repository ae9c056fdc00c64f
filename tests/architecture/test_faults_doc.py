"""docs/FAULTS.md has every row of the fault catalogue once, and the tests it names exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOC = (TESTS.parent / "docs/FAULTS.md").read_text()
ROWS = {"C": 46, "U": 35, "S": 18, "O": 13}
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w*\*?)`")


def rows() -> list[tuple[str, list[str]]]:
    """Each row's name, and its other cells."""
    found = re.findall(r"^\| ([CUSO]\d+) \| (.+) \|$", DOC, flags=re.MULTILINE)
    return [(name, [cell.strip() for cell in re.split(r" \| ?|\|", rest)]) for name, rest in found]


@cache
def definitions(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_row_is_there_once_and_in_order() -> None:
    assert [name for name, _ in rows()] == [f"{kind}{at}" for kind, last in ROWS.items() for at in range(1, last + 1)]


@pytest.mark.parametrize(("name", "cells"), rows())
def test_a_row_has_its_tests_or_says_what_is_not_there_yet(name: str, cells: list[str]) -> None:
    assert len(cells) == 3, "a row has four columns"
    told, tests, missing = cells
    assert told
    assert NAMED.search(tests) or missing, "neither a test nor a reason"
    assert tests == ", ".join(f"`{path}::{test}`" for path, test in NAMED.findall(tests)), (
        "something else among the tests"
    )


@pytest.mark.parametrize(("path", "test"), sorted(set(NAMED.findall(DOC))))
def test_a_test_that_is_named_exists(path: str, test: str) -> None:
    known = definitions(path)
    if test.endswith("*"):
        assert any(each.startswith(test[:-1]) for each in known)
    else:
        assert test in known


@pytest.mark.parametrize(
    "path", sorted(TESTS.glob("component/test_upstream_*.py")) + sorted(TESTS.glob("component/test_callers_*.py"))
)
def test_every_test_of_a_row_is_found_from_its_row(path: Path) -> None:
    """A test named after its row is of no use to somebody who starts at the row, unless the row leads to it."""
    named = dict(rows())
    for test in definitions(f"component/{path.name}"):
        for kind, number in re.findall(r"(?:^test|(?<=\d))_([cu])(\d\d)(?=_)", test):
            prefixes = [
                each
                for where, each in NAMED.findall(named[f"{kind.upper()}{int(number)}"][1])
                if where.endswith(path.name)
            ]
            assert any(test == each or (each.endswith("*") and test.startswith(each[:-1])) for each in prefixes), test
