"""`llmgateway datasets list` and `show`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import full_time, one_line, size
from llmgateway.cli.tables import Column, identity, number
from llmgateway.cli.tables import show as table
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

_COLUMNS = (
    Column("dataset", least=16),
    Column("route"),
    number("items"),
    number("erased", rank=2),
    number("size", rank=1),
    identity("made"),
    Column("by", rank=3),
    identity("content"),
)


def list_datasets(
    name: Annotated[str | None, typer.Argument(help="Only the versions of this name.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """List datasets, every version."""
    from llmgateway.cli.datasets.asking import versions

    found = versions(locate(config, url, token_env), name)
    if as_json:
        gateway.print_json({"datasets": found})
        return
    if not found:
        gateway.notes().print("there is no such dataset" if name else "there is no dataset yet")
        return
    table(_COLUMNS, [_row(each) for each in found])


def _row(each: Mapping[str, Any]) -> Sequence[str]:
    content = each["content_hash"]
    return (
        one_line(f"{each['name']}@{each['version']}"),
        one_line(each["route"] or ""),
        f"{each['items']:,}",
        f"{each['erased']:,}" if each["erased"] else "",
        size(each["bytes"]),
        full_time(each["created_at"])[:19],
        one_line(each["author"]),
        "open" if content is None else content[:12],
    )


def show(
    dataset: Annotated[str, typer.Argument(help="NAME, its newest version, or NAME@VERSION.")],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Show how a dataset was built and what is in it."""
    from llmgateway.cli.datasets import asking

    place = locate(config, url, token_env)
    found = asking.found(place, dataset)
    counts = _counts(asking.items(place, found))
    if as_json:
        gateway.print_json({**found, "counts": counts})
        return
    out = gateway.console()
    out.print(one_line(f"{found['name']}@{found['version']}"), style="bold")
    for name in ("route", "items", "erased", "author", "content_hash"):
        out.print(one_line(f"  {name.replace('_', ' '):<14}{found[name]}"))
    out.print(one_line(f"  {'made':<14}{full_time(found['created_at'])}"))
    for name, value in _built(found["built"]).items():
        out.print(one_line(f"  {name.replace('_', ' '):<14}{value}"))
    for title, rows in counts.items():
        told = ", ".join(f"{name} {count:,}" for name, count in rows.items())
        if told:
            out.print(one_line(f"  {title.replace('_', ' '):<14}{told}"))
    if found["erased"]:
        out.print("  some items were erased: the content hash can't be recomputed any more", style="yellow")


def _built(how: Mapping[str, Any]) -> dict[str, str]:
    """How it was made, in words: filters as the options are written, times as times, counts as a list."""
    words = {name: _words(value) for name, value in how.items() if value not in (None, False)}
    return {name: told for name, told in words.items() if told}


def _words(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name} {_word(name, part)}" for name, part in value.items() if part not in (None, False))


def _word(name: str, value: object) -> str:
    return full_time(value)[:19] if name in {"since", "until"} and isinstance(value, float | int) else str(value)


def _counts(items: Any) -> dict[str, dict[str, int]]:
    strata, dialects, redacted = Counter[str](), Counter[str](), Counter[str]()
    for each in items:
        if each["erased_at"] is None:
            strata[each["stratum"] or "(all)"] += 1
            dialects[each["dialect"]] += 1
            redacted.update(each["redaction"])
    named = {"strata": strata, "dialects": dialects, "taken_out": redacted}
    return {name: dict(sorted(counts.items())) for name, counts in named.items()}
