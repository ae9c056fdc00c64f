"""docs/FAULTS.md has every row of the fault catalogue once, and the tests it names exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from bench.faults.catalogue import ALL

TESTS = Path(__file__).parents[1]
DOC = (TESTS.parent / "docs/FAULTS.md").read_text()
ROWS = {"C": range(1, 47), "U": range(1, 36), "S": range(1, 19), "O": [*range(1, 14), *range(16, 20)]}
ABOUT_ROWS = ("component/test_upstream_*.py", "component/test_callers_*.py", "faults/test_*.py")
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
    assert [name for name, _ in rows()] == [f"{kind}{at}" for kind, numbers in ROWS.items() for at in numbers]


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


@pytest.mark.parametrize("path", [path for pattern in ABOUT_ROWS for path in sorted(TESTS.glob(pattern))])
def test_every_test_of_a_row_is_found_from_its_row(path: Path) -> None:
    """A test named after its row is of no use to somebody who starts at the row, unless the row leads to it."""
    named = dict(rows())
    for test in definitions(str(path.relative_to(TESTS))):
        for kind, number in re.findall(r"(?:^test|(?<=\d))_([cuso])(\d\d)(?=_)", test):
            prefixes = [
                each
                for where, each in NAMED.findall(named[f"{kind.upper()}{int(number)}"][1])
                if where.endswith(path.name)
            ]
            assert any(test == each or (each.endswith("*") and test.startswith(each[:-1])) for each in prefixes), test


def test_the_long_suites_tests_are_listed_with_the_rows_they_are_about() -> None:
    listed = dict(re.findall(r"^\| (T\d+) \| .+ \| (.+) \|$", DOC, flags=re.MULTILINE))
    assert list(listed) == list(ALL)
    known = {name for name, _ in rows()}
    assert {row for cell in listed.values() for row in re.findall(r"[CUSO]\d+", cell)} <= known
