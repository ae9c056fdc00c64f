"""The root command: quick, complete, and not to be stopped by one broken command."""

import re
import subprocess
import sys
import types

import pytest
import typer
from typer.testing import CliRunner

from llmgateway import __version__
from llmgateway.cli import main as root
from llmgateway.config.problems import ConfigError, Problem
from llmgateway.domain.errors import GatewayError
from llmgateway.plugins import PluginError

runner = CliRunner()


def install(monkeypatch: pytest.MonkeyPatch, name: str, module: types.ModuleType | None) -> None:
    """Let the table's `name` lead to `module`; None: it cannot be imported."""
    monkeypatch.setitem(sys.modules, root.COMMANDS[name][0], module)


def command(name: str, error: Exception | None = None) -> types.ModuleType:
    module = types.ModuleType("command")

    def run() -> None:
        """Do it."""
        if error is not None:
            raise error
        typer.echo("done")

    module.register = lambda app: app.command(name)(run)  # type: ignore[attr-defined]  # modules take attributes
    return module


def run_main(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr(sys, "argv", ["llmgateway", *args])
    with pytest.raises(SystemExit) as left:
        root.main()
    assert isinstance(left.value.code, int)
    return left.value.code


def test_help_lists_every_command_without_importing_any() -> None:
    program = (
        "import sys\nfrom llmgateway.cli.main import main\nsys.argv = ['llmgateway', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('pydantic', 'rich', 'aiohttp', 'openai', 'uvloop', 'asyncio')"
        " or m.startswith('llmgateway.cli.') and m not in ('llmgateway.cli.main', 'llmgateway.cli.errors')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    *help_lines, imported = done.stdout.splitlines()
    assert imported == "[]"
    for name, (_, summary) in root.COMMANDS.items():
        assert any(line.split()[:1] == [name] and summary in line for line in help_lines), name


@pytest.mark.parametrize("name", sorted(root.COMMANDS))
def test_help_ends_no_sentence_in_the_middle(name: str) -> None:
    shown = runner.invoke(root.app, [name, "--help"], env={"COLUMNS": "60"})
    assert shown.exit_code == 0
    assert "..." not in shown.output.replace("[ARGS]...", "").replace("VERSION=WEIGHT…...", "")
    assert not re.search(r"<(str|int|float|list)\b", shown.output)  # these are Python's words
    listed = shown.output.partition("Commands:")[2].strip()
    assert listed.endswith(".") or not listed
    assert "[[" not in shown.output  # a name that is optional has one pair of brackets


def test_version() -> None:
    result = runner.invoke(root.app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"llmgateway {__version__}\n")


def test_without_a_command_the_help_goes_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "model-server" in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["chek"], "error: No such command 'chek'. Did you mean 'llmgateway check'? (see llmgateway --help)\n"),
        (
            ["rollout", "abort", "chat"],
            "error: No such command 'abort'. Did you mean 'llmgateway rollout rollback'? (see llmgateway rollout --help)\n",
        ),
        (["rollout", "x"], "error: No such command 'x'. (see llmgateway rollout --help)\n"),
        (["routes", "weight"], "error: Missing argument 'route'. (see llmgateway routes weight --help)\n"),
        (["check", "--jsn", "x"], "error: No such option: --jsn"),
        (["--nope"], "error: No such option: --nope"),
        (["logs", "list", "-n", "x"], "error: Invalid value for '--limit' / '-n': it must be a whole number (see llm"),
        (
            ["logs", "list", "-n", "0"],
            "error: Invalid value for '--limit' / '-n': it must be greater than or equal to 1 (",
        ),
        (
            ["top", "--every", "x"],
            "error: Invalid value for '--every': it must be a number (see llmgateway top --help)",
        ),
        (
            ["report", "--format", "pdf"],
            "error: Invalid value for '--format': 'pdf' is not one of 'html', 'markdown', ",
        ),
        (
            ["logs", "list", "--since", "1h", "--until", "2h"],
            "error: Invalid value for --since: 1h is not before 2h: nothing lies between the two (see ",
        ),
        (
            ["events", "--since", "2026-01-02", "--until", "2026-01-02"],
            "error: Invalid value for --since: 2026-01-02 is ",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert run_main(monkeypatch, *args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_a_command_that_cannot_be_imported_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, "top", None)
    install(monkeypatch, "serve", command("serve"))
    assert run_main(monkeypatch, "top") == 1
    assert capsys.readouterr().err.startswith("error: the command top cannot be loaded: ")
    assert run_main(monkeypatch, "serve") == 0
    assert capsys.readouterr().out == "done\n"


def test_a_module_that_lacks_its_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, "reload", command("serve"))
    assert run_main(monkeypatch, "reload") == 1
    assert capsys.readouterr().err == "error: the command reload is missing from llmgateway.cli.serve\n"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError([Problem("f", 3, "a.b", "is wrong")]), 2, "f:3: a.b: is wrong\n"),
        (GatewayError("draining"), 1, "error: The gateway is shutting down.\n"),
        (PluginError("no such provider"), 1, "error: no such provider\n"),
        (FileNotFoundError(2, "No such file or directory", "x.sock"), 1, "error: x.sock: No such file or directory\n"),
        (ConnectionRefusedError(111, "Connection refused"), 1, "error: Connection refused\n"),
    ],
)
def test_failures_that_are_expected_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int, message: str
) -> None:
    install(monkeypatch, "top", command("top", error))
    assert run_main(monkeypatch, "top") == code
    assert capsys.readouterr().err == message


def test_bugs_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "top", command("top", KeyError("bug")))
    monkeypatch.setattr(sys, "argv", ["llmgateway", "top"])
    with pytest.raises(KeyError):
        root.main()


def test_exit_codes_of_commands_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "top", command("top", typer.Exit(7)))
    assert run_main(monkeypatch, "top") == 7
    install(monkeypatch, "top", command("top", KeyboardInterrupt()))  # type: ignore[arg-type]  # not an Exception
    assert run_main(monkeypatch, "top") == 130
