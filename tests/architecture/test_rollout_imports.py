"""What decides a rollout can be read, tested and moved elsewhere by itself: it needs the standard library and nothing else."""

import ast
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "src" / "llmgateway" / "rollout"
NO_CLOCKS = {"time", "datetime", "random", "os", "asyncio", "threading", "logging", "pathlib", "io"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_it_imports_itself_and_the_standard_library():
    names = {name for path in FOLDER.glob("*.py") for name in imported(path)}
    foreign = {
        name
        for name in names
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("llmgateway.rollout")
    }
    assert foreign == set()
    assert {name.split(".")[0] for name in names}.isdisjoint(NO_CLOCKS), "times and chance are handed in"
    assert "math" in names
