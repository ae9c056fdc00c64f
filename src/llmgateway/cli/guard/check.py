"""`llmgateway guard check`: what guardrails would make of a text, told from the configuration file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.guard.asked import names_of, snapshot_of
from llmgateway.cli.whereabouts import CONFIG_ENV
from llmgateway.domain.verdict import Action, Stage
from llmgateway.wire.jsoncodec import JsonError, decode

if TYPE_CHECKING:
    from llmgateway.config.snapshot import Snapshot
    from llmgateway.guarding.checking import Panel

STDIN: Final = "-"
BLOCKED: Final = 3
MAX_BYTES: Final = 32 * 1024 * 1024


def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The text, a message or an answer; - reads stdin.")],
    route: Annotated[
        str | None, typer.Option("--route", "-r", help="Ask the guardrails of this route, or of a model name's.")
    ] = None,
    stage: Annotated[Stage, typer.Option("--stage", "-s", help="What the text is.")] = Stage.REQUEST,
    request: Annotated[
        Path | None, typer.Option("--request", help="A file with the request, as JSON, that the text is a reply to.")
    ] = None,
    guardrails: Annotated[
        str | None,
        typer.Option(
            "--guardrails", "-g", help="Ask these: names of the configuration or of plug-ins. Default: pii,secrets."
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", envvar=CONFIG_ENV, help="The configuration.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what guardrails would find in a text, and what goes on of it. Exit 0: it would pass; 3: it would not."""
    names = names_of(guardrails)
    if route is not None and names is not None:
        raise typer.BadParameter(
            "with --route its guardrails are asked: name one of the two", param_hint="--guardrails"
        )
    document = None if request is None else _document(request, stage)
    text = _text(file)
    panel = _panel(snapshot_of(config, is_needed=route is not None), route, stage, names)
    checked = panel.check(text, stage, document)
    if as_json:
        gateway.print_json(checked.shown())
    else:
        from llmgateway.cli.guard.told import tell

        tell(checked, text, is_guarded=bool(panel.chain.links or panel.judges))
    if checked.action is Action.BLOCK:
        raise typer.Exit(BLOCKED)


def _panel(snapshot: "Snapshot | None", route: str | None, stage: Stage, names: list[str] | None) -> "Panel":
    from llmgateway import plugins
    from llmgateway.guarding.trial import Trial, TrialError

    trial = Trial(snapshot, plugins.classes)
    try:
        if route is not None:
            return trial.of_route(route, stage)
        return trial.of_names(names) if names is not None else trial.of_names()
    except TrialError as error:
        fail(str(error), MISUSED)


def _document(file: Path, stage: Stage) -> dict[str, Any]:
    """What was asked."""
    if stage is not Stage.REPLY:
        raise typer.BadParameter("is only for replies: add --stage reply", param_hint="--request")
    try:
        document = decode(_text(str(file)))
    except JsonError:
        document = None
    if not isinstance(document, dict):
        fail(f"{file}: no JSON object", MISUSED)
    return document


def _text(source: str) -> str:
    """The text to judge; offsets count from its very first character."""
    if source == STDIN:
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        try:
            with Path(source).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            fail(f"{source}: cannot be read: {error.strerror or type(error).__name__}", MISUSED)
    name = "stdin" if source == STDIN else source
    if len(content) > MAX_BYTES:
        fail(f"{name}: larger than {MAX_BYTES >> 20} MiB", MISUSED)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        fail(f"{name}: no UTF-8 text (byte {error.start + 1})", MISUSED)
