"""The section about trying guardrails: its commands print what it shows, with the configuration at the page's top."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmgateway.cli.main import app

PAGE = Path(__file__).parents[2].joinpath("docs", "GUARDRAILS.md").read_text()
SECTION = PAGE.partition("\n## Trying it\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```console\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
REST = '\n[routes.assistant.versions.v1]\nbackends = ["one"]\n[backends.one]\nprovider = "openai"\nbase_url = "http://h/v1"\n'
DIALOGUE = [
    (command, shown.splitlines())
    for block in BLOCKS
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the page's commands are typed: its configuration and its text are there."""
    config = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
    tmp_path.joinpath("config.toml").write_text(config + REST)
    (text,) = [shown for command, shown in DIALOGUE if command == "cat mail.txt"]
    tmp_path.joinpath("mail.txt").write_text("".join(f"{line}\n" for line in text))
    monkeypatch.chdir(tmp_path)


def commands():
    return [(command, shown) for command, shown in DIALOGUE if command.startswith("llmgateway ")]


@pytest.mark.parametrize(("command", "shown"), commands())
def test_each_command_prints_what_the_page_shows(folder, command, shown):
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    printed = [line.rstrip() for line in result.output.splitlines()]
    assert [line for line in printed if line] == [line for line in shown if line]


def test_the_api_gives_the_document_that_the_page_shows(folder):
    (words, shown) = next((shlex.split(command), shown) for command, shown in DIALOGUE if command.startswith("curl "))
    asked = json.loads(words[words.index("-d") + 1])
    args = ["guard", "check", "--json", "--guardrails", ",".join(asked["guardrails"]), "-"]
    result = CliRunner().invoke(app, args, input=asked["text"])
    assert json.loads(result.stdout) == json.loads(shown[0])


def test_the_section_has_what_is_run_here():
    assert len(commands()) >= 2
    assert all(f"`--{option}`" in SECTION for option in ("route", "stage", "guardrails", "json"))
