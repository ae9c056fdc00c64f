"""Finding a version by what people write: its id, the beginning of one, or ROUTE/NAME of one in force."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.whereabouts import Source

_DIGITS: Final = 12

VersionArgument = Annotated[str, typer.Argument(metavar="ID", help="A version's id, its beginning, or ROUTE/NAME.")]


def path_of(source: Source, written: str) -> str:
    """The version's path at the admin listener; leaves the program where it is none, or one of several."""
    return f"versions/{quote(_id(source, written), safe='')}"


def _id(source: Source, written: str) -> str:
    if "/" in written:
        route, _, name = written.rpartition("/")
        ids = {each["id"] for each in listed(source, route=route) if each["name"] == name}
        if not ids:
            fail(f"no version {one_line(name)} is in force on a route {one_line(route)}", MISUSED)
        return str(ids.pop())
    if len(written) >= _DIGITS:
        return written
    if not written:
        fail("a version goes by its id, the beginning of one, or ROUTE/NAME", MISUSED)
    ids = {each["id"] for each in listed(source, past=True) if each["id"].startswith(written)}
    if not ids:
        fail(f"no versions begin with {one_line(written)}; a name goes with its route: ROUTE/NAME", MISUSED)
    if len(ids) != 1:
        fail(f"{len(ids)} versions begin with {one_line(written)}", MISUSED)
    return str(ids.pop())


def listed(source: Source, **query: Any) -> list[Mapping[str, Any]]:
    """Every version that fits, over all pages."""
    return gateway.every(source, "versions", **query)
