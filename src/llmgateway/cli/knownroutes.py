"""Whether there is, or was, a route of the name that somebody wrote: a typo must not look like a quiet day.

A route is known if the configuration has it, if one of its versions ever was in force, or if the log has exchanges of
it.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import typer

from llmgateway.cli.errors import MISUSED, fail
from llmgateway.config.routenames import unknown_route
from llmgateway.ports.store import StoreReader, Wanted

LOOKED_AT: Final = 500  # exchanges whose routes are told beside those that the configuration and the registry know


def configured(config: Path) -> Collection[str]:
    """The routes that a file names, whatever else is wrong in it; none where it can't be read."""
    from llmgateway.config import edit
    from llmgateway.config.problems import ConfigError
    from llmgateway.config.source import read_text

    try:
        return edit.routes_in(read_text(config), str(config)).keys()
    except ConfigError:
        return ()


async def in_log(reader: StoreReader, route: str, current: Collection[str]) -> None:
    """Leave the program if nobody ever heard of `route`: neither the configuration (`current`) nor the store.

    Where nothing at all is known, nobody can tell a typo: a note says so.
    """
    known = {*current, *await reader.version_routes()}
    if route in known or await reader.page(Wanted(route=route, shadow=None), limit=1):
        return
    newest = await reader.page(Wanted(), limit=LOOKED_AT)
    if known or newest:
        fail(unknown_route(route, {*known, *(row["route"] for row in newest if row["route"])}), MISUSED)
    typer.echo("the store is empty and no configuration was read: nothing is known of any route", err=True)
