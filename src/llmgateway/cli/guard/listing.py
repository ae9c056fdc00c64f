"""`llmgateway guard list`: the plug-ins that guardrails can use, and what each can find."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import identity, show, words

FAMILY: Final = 8  # kinds of one family that are all named


def list_plugins(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the plug-ins that guardrails may use: the version of their rules, and the kinds of their findings.

    One of another package that can't be used is listed with the reason.
    """
    from llmgateway import plugins
    from llmgateway.guarding.trial import catalogue

    found = catalogue(plugins.classes)
    if as_json:
        gateway.print_json({"plugins": found})
    else:
        _print(found)


def _print(found: Sequence[Mapping[str, Any]]) -> None:
    rows = [[one_line(cell) for cell in (each["name"], each["type"], each["version"], _finds(each))] for each in found]
    styles = ["" if each["problem"] is None else "red" for each in found]
    show((identity("name"), identity("type"), identity("version", rank=1), words("finds")), rows, styles)
    gateway.notes().print("--json names every kind; of some families only their number is told here", style="dim")


def _finds(plugin: Mapping[str, Any]) -> str:
    if plugin["problem"] is not None:
        return f"can't be used: {plugin['problem']}"
    return "what its settings say" if plugin["kinds"] is None else ", ".join(folded(plugin["kinds"]))


def folded(kinds: Sequence[str]) -> list[str]:
    """Kinds as they come; a family (`secret.…`) of more than a few is one of them, with its number."""
    sizes = Counter(kind.partition(".")[0] for kind in kinds if "." in kind)
    families = ((kind, kind.partition(".")[0]) for kind in kinds)
    told = (f"{family}.* ({sizes[family]})" if sizes[family] > FAMILY else kind for kind, family in families)
    return list(dict.fromkeys(told))
