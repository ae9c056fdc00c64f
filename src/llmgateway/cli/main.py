"""The root of the command line. A subcommand's module is imported when the subcommand runs, so that `--help` is quick
and a command that cannot be loaded stops no other.

A module in the table has `register(app: typer.Typer) -> None`, which adds its commands to `app`.
"""

import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from llmgateway import __version__
from llmgateway.cli.errors import FAILED, MISUSED, fail, reported

# name: (module, what `llmgateway --help` says of it)
COMMANDS: Final = {
    "demo": ("llmgateway.cli.demo", "Show the gateway at work, with real traffic."),
    "serve": ("llmgateway.cli.serve", "Run the gateway."),
    "check": ("llmgateway.cli.check", "Say what a configuration means, or what is wrong with it."),
    "reload": ("llmgateway.cli.serve", "Make the running gateway read its configuration again."),
    "config": ("llmgateway.cli.config", "Show, change and roll back the configuration."),
    "routes": ("llmgateway.cli.routes", "See and steer where requests go."),
    "versions": ("llmgateway.cli.versions", "See what versions are made of; label them and write notes."),
    "rollout": ("llmgateway.cli.rollout", "Bring a new version in by steps, and see what becomes of it."),
    "backends": ("llmgateway.cli.backends", "See how the backends are; take one out, and bring it back."),
    "events": ("llmgateway.cli.events", "See what the gateway did by itself; take it back."),
    "eval": ("llmgateway.cli.evaluating", "See how the evaluators do, and try them on the log."),
    "drift": ("llmgateway.cli.drift", "See whether versions still do what they did."),
    "golden": ("llmgateway.cli.golden", "Ask golden questions again and again; see who fails them."),
    "guard": ("llmgateway.cli.guard", "Try guardrails on a text or on the log, and list them."),
    "keys": ("llmgateway.cli.keys", "Make keys for callers."),
    "logs": ("llmgateway.cli.logs", "Look at the exchanges: tail, list, show, export."),
    "review": ("llmgateway.cli.review", "Look at answers and label them; raise concerns."),
    "scores": ("llmgateway.cli.scores", "Score answers, and see what was said of them."),
    "report": ("llmgateway.cli.report", "Say whether the service can be relied on."),
    "datasets": ("llmgateway.cli.datasets", "Make sets of logged requests to try versions on."),
    "replay": ("llmgateway.cli.replay", "Try a version on a dataset, beside the stable one."),
    "store": ("llmgateway.cli.store", "Look after the store: check, backup, rebuild."),
    "top": ("llmgateway.cli.top", "Watch rates, latency and errors live."),
    "model-server": ("llmgateway.cli.model_server", "Serve a pretend model to try things on."),
}


# What typer calls the type of an option: what people call it.
_TAKES: Final = dict.fromkeys(("<int>", "<int range>", "<float>", "<float range>"), "<number>") | dict.fromkeys(
    ("<str>", "<list[str]>"), "<text>"
)
_REWORDED: Final = (
    ("Value error, ", ""),
    ("Input should be a valid integer, unable to parse string as an integer", "it must be a whole number"),
    ("Input should be a valid number, unable to parse string as a number", "it must be a number"),
    ("Input should be", "it must be"),
)


class LazyCommands(TyperGroup):
    """Lists commands by the table, and imports the one that is used."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, summary) in COMMANDS.items():
            self.commands[name] = _stub(name, summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command of `args`; what the table names is loaded now."""
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = load(args[0])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; failures it may expect come out as one line."""
        with reported():
            return super().invoke(ctx)


def load(name: str) -> Any:
    """Import the module of a command and build the command; ends the program when that cannot be done."""
    module = COMMANDS[name][0]
    part = typer.Typer(add_completion=False, rich_markup_mode=None)
    try:
        import_module(module).register(part)
    except ImportError as error:
        fail(f"the command {name} cannot be loaded: {error}")
    command = typer.main.get_group(part).commands.get(name)
    if command is None:
        fail(f"the command {name} is missing from {module}")
    return _told_whole(command)


def _told_whole(command: Any) -> Any:
    """A command whose help says in people's words what options take, and of commands the first sentence to its end."""
    for parameter in command.params:
        kind = getattr(parameter, "type_descriptor", None)  # typer's own, which it may call otherwise some day
        if parameter.param_type_name == "option" and parameter.metavar is None and kind and not kind.is_choice:
            parameter.metavar = _TAKES.get(parameter.display_type(None))
    for each in getattr(command, "commands", {}).values():
        first = " ".join((each.help or "").split("\n\n")[0].split()).split(". ")[0]
        each.short_help = each.short_help or f"{first.rstrip('.')}."
        _told_whole(each)
    return command


def _stub(name: str, summary: str) -> Any:
    """A command that is only good for being listed."""
    part = typer.Typer(add_completion=False, rich_markup_mode=None)
    part.command(name, help=summary)(_nothing)
    return typer.main.get_command(part)


def _nothing() -> None: ...


app: Final = typer.Typer(
    cls=LazyCommands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, where secrets are
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"llmgateway {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    _version: bool = typer.Option(False, "--version", is_eager=True, callback=_show_version, help="Print the version."),
) -> None:
    """A gateway that operates language models in production: serve, watch, guard, judge."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help(), err=True)
        raise typer.Exit(MISUSED)


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        code = app(standalone_mode=False, prog_name="llmgateway")
    except typer.TyperException as error:
        from llmgateway.cli.meant import better

        context = getattr(error, "ctx", None)
        message = _plain(error.format_message())
        if context is not None:
            message = better(message, context.command_path, getattr(context.command, "commands", ()))
        typer.echo(message if "\n" in message else f"error: {message}{_hint(error)}", err=True)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(FAILED)
    sys.exit(code if isinstance(code, int) else 0)


def _plain(message: str) -> str:
    """What is wrong with a value, without the words of the library that found it."""
    for theirs, ours in _REWORDED:
        message = message.replace(theirs, ours)
    return message


def _hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f" (see {context.command_path} --help)" if context is not None else ""
