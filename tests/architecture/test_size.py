"""Walls without size limits do not keep a pipeline readable. The lists of exceptions may only shrink."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "llmgateway"
MAX_FILE, MAX_FUNCTION, MAX_CLASS = 400, 50, 250

BIG_CLASSES = {"http/caller.py:CallerConnection": 372, "dataplane/reply.py:Reply": 269}


def test_no_file_is_longer_than_a_person_reads_at_once():
    long = {
        str(path.relative_to(SRC)): n
        for path in SRC.rglob("*.py")
        if (n := len(path.read_text().splitlines())) > MAX_FILE
    }
    assert long == {}


def test_no_function_is_longer_than_a_screen():
    long = {
        f"{path.relative_to(SRC)}:{node.name}": size
        for path, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if (size := span(node)) > MAX_FUNCTION
    }
    assert long == {}


def test_no_class_is_a_whole_subsystem():
    long = {
        f"{path.relative_to(SRC)}:{node.name}": size
        for path, node in nodes(ast.ClassDef)
        if (size := span(node)) > MAX_CLASS
    }
    assert long == BIG_CLASSES


def nodes(*kinds):
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kinds):
                yield path, node


def span(node) -> int:
    return node.end_lineno - node.lineno + 1
