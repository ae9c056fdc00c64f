import json
import sys

import pytest
from bench import machine
from bench.guardrails import __main__ as command
from bench.guardrails import corpus


@pytest.fixture
def run(toys, monkeypatch):
    for section in corpus.QUICK_SIZES:
        monkeypatch.setitem(corpus.QUICK_SIZES, section, 60)
    monkeypatch.setattr(
        machine, "facts", lambda: {"cores": 2, "processor": "a processor", "python": "3", "busy_before": 0.1}
    )

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["bench.guardrails", "--quick", *words])
        return command.main()

    return call


def test_tables_are_shown_and_who_is_not_there_is_told(run, capsys):
    assert run("--only", "pii,secrets,hard,benign") == 0
    shown = capsys.readouterr().out
    assert "Personal data in disguise" in shown
    assert "Texts with nothing in them" in shown
    assert "secrets was left out" in shown


def test_figures_are_printed_as_json_and_nothing_else_is(run, capsys):
    assert run("--only", "pii,benign", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["set"] == "test"
    assert told["figures"]["pii"]["detectors"]["pii"]["totals"]["en"]["core"]["hits"] > 0
    assert told["figures"]["benign"]["detectors"]["pii"]["flagged"] == 0


def test_mistakes_are_in_the_json_of_the_tuning_set_only(run, capsys):
    for which, is_told in (("tune", True), ("test", False)):
        run("--only", "pii,benign,attacks", "--json", "--set", which)
        assert ('"mistakes"' in capsys.readouterr().out) is is_told


def test_a_page_is_written_and_says_how_it_was_measured(run, tmp_path, capsys):
    page = tmp_path / "figures.md"
    assert run("--only", "pii,attacks", "--write", str(page), "--seed", "7") == 0
    text = page.read_text()
    assert text.startswith("# Guardrails: figures\n")
    assert "seed 7" in text
    assert "nobody tuned with" in text
    assert "## Personal data\n" in text
    assert "## Attacks\n" in text
    assert "| email, English |" in text


def test_mistakes_of_the_tuning_set_can_be_seen(run, capsys):
    assert run("--only", "pii,attacks", "--set", "tune", "--mistakes", "3") == 0
    assert "Mistakes" in capsys.readouterr().out


def test_mistakes_of_the_other_set_cannot(run, capsys):
    with pytest.raises(SystemExit):
        run("--mistakes", "3")
    assert "--set tune" in capsys.readouterr().err


def test_settings_are_handed_on(run, capsys):
    assert run("--only", "pii", "--options", '{"pii": {"kind": "mail"}}', "--json") == 0
    told = json.loads(capsys.readouterr().out)
    kinds = told["figures"]["pii"]["detectors"]["pii"]["kinds"]
    assert sum(row["falses"] for row in kinds if row["kind"] == "mail") > 0


def test_nothing_to_measure_is_a_failure(run, capsys):
    assert run("--only", "secrets") == 1


def test_a_section_that_is_none_is_refused(run, capsys):
    with pytest.raises(SystemExit):
        run("--only", "pii,nonsense")
    assert "no section nonsense" in capsys.readouterr().err


def test_presidio_that_is_not_there_is_left_out(run, capsys, monkeypatch):
    monkeypatch.delenv("BENCH_PRESIDIO", raising=False)
    assert run("--only", "pii", "--beside", "presidio") == 0
    assert "presidio was left out" in capsys.readouterr().out
