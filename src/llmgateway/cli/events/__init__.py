"""`llmgateway events`: what the gateway did by itself, or noticed; and taking it back."""

from typing import Any, Final

import typer
from typer.core import TyperGroup

_HELP: Final = frozenset({"-h", "--help"})


class ListByDefault(TyperGroup):
    """Without a command, `list` is meant: `llmgateway events --open`."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Put it in front where there is none."""
        is_meant = not args or (args[0].startswith("-") and args[0] not in _HELP)
        return super().parse_args(ctx, ["list", *args] if is_meant else args)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.events import listing, one

    events = typer.Typer(cls=ListByDefault, add_completion=False, rich_markup_mode=None)
    events.callback()(_group)
    events.command("list")(listing.list_events)
    events.command("show")(one.show)
    events.command("undo")(one.undo)
    app.add_typer(events, name="events")


def _group() -> None:
    """See what the gateway did by itself, or noticed; take it back. Without a command: the list."""
