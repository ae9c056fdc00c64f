"""`llmgateway guard`, as people run it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support import guardrails as simple
from typer.testing import CliRunner, Result

from llmgateway.cli.guard import check
from llmgateway.cli.guard.listing import folded
from llmgateway.cli.guard.told import hint
from llmgateway.cli.main import app

CONFIG = """
[guardrails]
baseline = ["digits"]
[guardrails.digits]
use = "runs"
[guardrails.rude]
use = "word"
word = "bother"
action = "block"
stages = ["reply"]
[guardrails.seen]
use = "word"
word = "hello"
action = "flag"
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9001/v1"
api_key = "env:LLMGATEWAY_TEST_UNSET"
[routes.assistant]
guardrails = ["rude", "seen"]
[routes.assistant.versions.v1]
backends = ["one"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    simple.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("gateway.toml").write_text(CONFIG)
    return tmp_path


def run(*args: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, ["guard", *args], input=stdin)


def on_route(text: str, *args: str) -> Result:
    return run("check", "--config", "gateway.toml", "--route", "assistant", *args, "-", stdin=text)


def test_findings_are_told_with_their_place_and_a_hint_and_the_text_that_goes_on() -> None:
    result = on_route("well,\nring 555012345678 or 1234\n")
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines()]
    assert ["number", "2", "6", "11", "23", "1.00", "digits", "55…", "(12", "characters)"] in rows
    assert ["number", "2", "22", "27", "31", "1.00", "digits", "…", "(4", "characters)"] in rows
    assert "redact: it passes like this" in result.output
    assert "ring [NUMBER] or [NUMBER]\n" in result.output
    assert "555012345678" not in result.output
    assert "1234" not in result.output


@pytest.mark.parametrize(
    ("text", "args", "code", "words"),
    [
        ("nothing", (), 0, "nothing found\nallow: it passes as it is"),
        ("bother", (), 0, "allow"),
        ("bother", ("--stage", "reply"), 3, "block: it does not pass"),
        ("hello", (), 0, "flag: it passes as it is, and the findings are counted"),
        ("hello 1234", (), 0, "redact"),
    ],
)
def test_the_exit_code_says_whether_it_would_pass(text: str, args: tuple[str, ...], code: int, words: str) -> None:
    result = on_route(text, *args)
    assert (result.exit_code, words in result.output) == (code, True), result.output
    assert on_route(text, "--json", *args).exit_code == code


def test_json_is_what_the_admin_api_says() -> None:
    finding = {"guardrail": "digits", "kind": "number", "start": 2, "end": 6, "score": 1.0}
    assert json.loads(on_route("é 1234", "--json").stdout) == {
        "action": "redact",
        "redacted": "é [NUMBER]",
        "findings": [finding],
    }


def test_plugins_can_be_asked_without_a_configuration(folder: Path) -> None:
    folder.joinpath("text").write_text("1234 ZZZ")
    assert "[NUMBER] ZZZ" in run("check", "--guardrails", "runs", "text").output
    assert "1234 [MARK]" in run("check", "text").output


def test_names_are_those_of_the_configuration_where_there_is_one(folder: Path) -> None:
    folder.joinpath("gateway.toml").rename("config.toml")
    result = run("check", "--guardrails", "rude, runs", "-", stdin="bother 1234")
    assert result.exit_code == check.BLOCKED
    assert "[WORD] [NUMBER]" in result.output


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("-r", "asistant", "-c", "gateway.toml", "-"), 2, 'no route is called "asistant"; did you mean "assistant"?'),
        (("-r", "assistant", "-"), 2, "config.toml: cannot be read: No such file"),
        (("-g", "run", "-"), 2, 'no guardrail is called "run"; did you mean "runs"?'),
        (("-g", "length", "-"), 2, '"length" can\'t be asked without settings: max_characters or max_tokens'),
        (("-g", " ,", "-"), 2, "names at least one guardrail"),
        (("-g", "runs", "-r", "assistant", "-"), 2, "name one of the two"),
        (("-s", "both", "-"), 2, "--stage"),
        (("nowhere.txt",), 2, "nowhere.txt: cannot be read: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(args: tuple[str, ...], code: int, words: str) -> None:
    result = run("check", *args, stdin="x")
    assert (result.exit_code, words in result.output) == (code, True), result.output


def test_what_is_no_text_or_too_much_of_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "stdin: no UTF-8 text (byte 3)" in run("check", "-", stdin=b"ab\xff").output
    monkeypatch.setattr(check, "MAX_BYTES", 1 << 20)
    result = run("check", "-", stdin="x" * ((1 << 20) + 1))
    assert (result.exit_code, "stdin: larger than 1 MiB" in result.output) == (2, True)


def test_a_broken_configuration_is_said_with_its_line(folder: Path) -> None:
    folder.joinpath("gateway.toml").write_text(CONFIG.replace('use = "runs"', 'use = "rums"'))
    result = on_route("x")
    assert (result.exit_code, 'gateway.toml:5: guardrails.digits.use: no guardrail plug-in is called "rums"') == (
        2,
        result.output[: result.output.index(";")],
    )


def test_of_very_many_findings_some_are_shown() -> None:
    result = on_route("1234 " * 150)
    assert result.output.count("digits") == 100
    assert "… and 50 more: --json has all of them" in result.output


def test_nothing_in_a_text_moves_the_cursor() -> None:
    assert "\x1b" not in on_route("\x1b[2Jhello\x1b]0;x\x07 1234").output


@pytest.mark.parametrize(
    ("value", "shown"),
    [("x", "… (1 character)"), ("elevenchars", "… (11 characters)"), ("\x1b2345678901234", "\\x1b2… (14 characters)")],
)
def test_a_hint_says_nothing_of_short_values(value: str, shown: str) -> None:
    assert hint(value) == shown


def test_the_plugins_are_listed_with_their_kinds_and_versions() -> None:
    rows = [line.split() for line in run("list").output.splitlines()]
    assert ["word", "guardrail", "7", "what", "its", "settings", "say"] in rows
    assert ["length", "judge", "1", "length.characters,", "length.tokens"] in rows
    listed = json.loads(run("list", "--json").stdout)["plugins"]
    kinds = ["length.characters", "length.tokens"]
    assert {"name": "length", "type": "judge", "version": "1", "kinds": kinds, "problem": None} in listed
    assert {"name": "word", "type": "guardrail", "version": "7", "kinds": None, "problem": None} in listed


class Broken(Mapping[str, Any]):
    """Two plug-ins of other packages, neither of which can be used, and one that can."""

    def __getitem__(self, name: str) -> Any:
        if name == "gone":
            raise RuntimeError("The guardrail 'gone' cannot be loaded:\x1b no GPU")
        return simple.Word if name == "word" else type(name, (), {})

    def __iter__(self) -> Iterator[str]:
        return iter(("bare", "gone", "word"))

    def __len__(self) -> int:
        return 3


def test_a_plugin_that_cannot_be_used_is_listed_with_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmgateway.plugins.classes", lambda kind: Broken() if kind == "guardrail" else {})
    done = run("list")
    bare, gone, word = (" ".join(line.split()) for line in done.stdout.splitlines() if " guardrail " in line)
    assert done.exit_code == 0
    assert bare.startswith("bare guardrail can't be used: type object 'bare' has no attribute 'version'")
    assert gone == "gone guardrail can't be used: The guardrail 'gone' cannot be loaded:\\x1b no GPU"
    assert word == "word guardrail 7 what its settings say"
    listed = json.loads(run("list", "--json").stdout)["plugins"]
    assert [each["problem"] is None for each in listed] == [False, False, True]


def test_those_that_take_their_time_are_named_and_not_asked(folder: Path) -> None:
    asking = CONFIG.replace('guardrails = ["rude", "seen"]', 'guardrails = ["ponderer"]')
    folder.joinpath("gateway.toml").write_text(asking)
    assert "not asked" in on_route("hello\n").output
    assert "ponderer" in on_route("hello\n").output
    assert json.loads(on_route("hello\n", "--json").output)["not_asked"] == ["ponderer"]


def test_a_reply_is_judged_by_the_request_it_answers(folder: Path) -> None:
    folder.joinpath("request.json").write_text('{"system": "the goose is grey"}')
    asked = ("check", "--guardrails", "told", "--stage", "reply", "-")
    alone = run(*asked, stdin="well, the goose is grey")
    assert "told can't be asked: it judges a reply by its request (--stage reply --request FILE)" in alone.output
    by_it = run(*asked, "--request", "request.json", "--json", stdin="well, the goose is grey")
    assert json.loads(by_it.stdout)["redacted"] == "well, [TOLD]"


@pytest.mark.parametrize("content", ["", "[]", "the goose"])
def test_a_request_must_be_an_object_and_belong_to_a_reply(folder: Path, content: str) -> None:
    folder.joinpath("request.json").write_text(content)
    wrong = run("check", "--stage", "reply", "--request", "request.json", "-", stdin="x")
    assert (wrong.exit_code, "request.json: no JSON object" in wrong.output) == (2, True)
    assert run("check", "--request", "request.json", "-", stdin="x").exit_code == 2


def test_a_large_family_of_kinds_is_one_word_with_its_number() -> None:
    many = [f"secret.k{number}" for number in range(9)]
    assert folded(["email", *many, "id.gb", "id.ca", "person"]) == ["email", "secret.* (9)", "id.gb", "id.ca", "person"]
    shown = run("list")
    assert max(map(len, shown.stdout.splitlines())) < 400  # into a pipe goes a line a row
    assert "--json names every kind" in shown.stderr
