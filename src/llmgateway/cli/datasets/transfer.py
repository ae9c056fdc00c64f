"""`llmgateway datasets export` and `import`: JSON lines, to be edited, kept elsewhere, and brought back."""

import sys
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.logs import lines
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate
from llmgateway.ports.datasets import MAX_ITEM_BYTES, MAX_ITEMS, DatasetItem

MAX_LINE: Final = 14 * MAX_ITEM_BYTES  # two bodies, each byte of them six as JSON writes it, and a little


def export(
    dataset: Annotated[str, typer.Argument(help="NAME, its newest version, or NAME@VERSION.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; stdout without it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
) -> None:
    """Write a dataset's items as JSON lines. What was erased is left out."""
    from llmgateway.cli.datasets import asking
    from llmgateway.cli.logs.export import target
    from llmgateway.wire.jsoncodec import encode

    place = locate(config, url, token_env)
    found = asking.found(place, dataset)
    count = 0
    with target(output, force=force) as file:
        for item in asking.items(place, found):
            if item["erased_at"] is None:
                file.write(encode(item) + b"\n")
                count += 1
    lines.notes().print(f"{count:,} items" + (f" in {output}" if output is not None else ""), style="dim")


def import_lines(
    name: Annotated[str, typer.Argument(help="What it is called; a name that is there gets a new version.")],
    file: Annotated[
        Path, typer.Argument(help="JSON lines: items as `export` writes them, or plain requests. - is stdin.")
    ],
    route: Annotated[str | None, typer.Option("--route", "-r", help="The route they are for.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Make a dataset of a file. Doubles and items that were erased are left out; one bad line, and nothing is made."""
    from llmgateway.cli.datasets.asking import save
    from llmgateway.cli.datasets.create import say

    if str(file) == "-":
        items, doubles = read(sys.stdin.buffer, "-")
    else:
        with file.open("rb") as opened:
            items, doubles = read(opened, str(file))
    if not items:
        fail(f"{file}: there is no item in it", MISUSED)
    built: dict[str, Any] = {"from": "file", "left_out": {"duplicate": doubles} if doubles else {}}
    source = locate(config, url, token_env)
    dataset = save(source, name, route, built, items)
    if as_json:
        gateway.print_json(dataset)
    else:
        say(dataset)


def read(file: IO[bytes], name: str) -> tuple[list[DatasetItem], int]:
    """The items of a file, and how many doubles were in it; leaves the program at a line that is none."""
    from llmgateway.replaying.items import BadItemError, line_item

    items: list[DatasetItem] = []
    hashes = set[str | None]()
    doubles = number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            fail(f"{name}:{number}: the line is longer than {MAX_LINE:,} bytes", MISUSED)
        if not line.strip():
            continue
        try:
            item = line_item(line, len(items))
        except BadItemError as error:
            fail(f"{name}:{number}: {error}", MISUSED)
        if item is None:
            continue
        if item.prompt_hash in hashes:
            doubles += 1
            continue
        hashes.add(item.prompt_hash)
        items.append(item)
        if len(items) > MAX_ITEMS:
            fail(f"{name}: a dataset holds {MAX_ITEMS:,} items", MISUSED)
    return items, doubles
