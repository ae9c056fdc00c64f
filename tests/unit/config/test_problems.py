"""How problems read."""

import pickle

from llmgateway.config.problems import MAX_PROBLEMS, ConfigError, Problem, did_you_mean, dotted, quoted


def test_a_problem_reads_like_a_compilers() -> None:
    problem = Problem("config.toml", 12, "routes.a.versions.v2.backends", 'no backend is called "tow"')
    assert str(problem) == 'config.toml:12: routes.a.versions.v2.backends: no backend is called "tow"'
    assert str(Problem("x.toml", 0, "", "is empty")) == "x.toml: is empty"


def test_no_more_than_twenty_are_told_and_all_are_counted() -> None:
    error = ConfigError([Problem("f", line, "a", "b") for line in range(1, 36)])
    assert len(error.problems) == MAX_PROBLEMS == 20
    assert error.total == 35
    assert str(error).endswith("\n… and 15 more")
    assert str(pickle.loads(pickle.dumps(error))).splitlines()[0] == "f:1: a: b"


def test_paths_quote_what_toml_would_quote_and_escape_what_a_terminal_would_obey() -> None:
    assert dotted(("routes", "gpt-*", "versions", "v1", "backends", 1)) == 'routes."gpt-*".versions.v1.backends'
    assert dotted(("a", "\x1b[31m\n")) == 'a."\\u001b[31m\\u000a"'
    assert dotted(("list", 3, "x")) == "list[3].x"
    assert len(quoted("x" * 5000)) < 250


def test_suggestions_name_the_nearest_or_all_of_a_few() -> None:
    assert did_you_mean("tow", ["one", "two"]) == '; did you mean "two"?'
    assert did_you_mean("WORKERS", ["workers"]) == '; did you mean "workers"?'
    assert did_you_mean("zzz", ["one", "two"]) == '; there is "one", "two"'
    assert did_you_mean("zzz", [str(n) for n in range(100)]) == ""
    assert did_you_mean("x", []) == ""
