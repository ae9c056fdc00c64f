"""Asking the gateway about reviews, and printing what it says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import many_lines, one_line
from llmgateway.cli.whereabouts import Source

if TYPE_CHECKING:
    from rich.console import Console

SHOWN: Final = 4_000  # characters of each text


def send(source: Source, path: str, has: str, **members: object) -> Any:
    """Post something; what the answer's member `has` holds. Leaves the program where it is refused."""
    from llmgateway.wire.jsoncodec import encode

    return gateway.change(source, "POST", path, has=has, body=("application/json", encode(members)))[has]


def step(source: Source, item: str, act: str, **members: object) -> Mapping[str, Any]:
    """Do something with an item; the item as it stands then."""
    found: Mapping[str, Any] = send(source, f"review/items/{quote(item, safe='')}/{act}", "item", **members)
    return found


def print_item(out: "Console", item: Mapping[str, Any]) -> None:
    """An item as a reviewer reads it."""
    from rich.rule import Rule
    from rich.text import Text

    facts = (item["id"], item["queue"], item["reason"], item["route"], standing(item), item["note"])
    out.print(Text(" · ".join(one_line(each) for each in facts if each), style="dim"))
    texts = item["texts"]
    for heading in ("asked", "answer", "left", "right"):
        if heading not in texts:
            continue
        out.print(Rule(heading, align="left", style="cyan"))
        for said in texts[heading]:
            out.print(Text(f"{said['source']}:", style="dim"))
            text = many_lines(said["text"])
            out.print(text[:SHOWN] + (" …" if len(text) > SHOWN else ""))
        if not texts[heading]:
            out.print("nothing of it is kept any more", style="dim")
    for review in item["reviews"]:
        out.print(f"{one_line(review['reviewer'])}: {said_by(review)}")


def said_by(review: Mapping[str, Any]) -> str:
    """What somebody said, on one line."""
    if review["kind"] == "skip":
        return f"skipped: {one_line(review['reason'])}"
    labels = ", ".join(f"{one_line(name)}={one_line(value)}" for name, value in review["labels"].items())
    return " · ".join(filter(None, (labels, one_line(review["comment"]), one_line(review["correction"]))))


def standing(item: Mapping[str, Any]) -> str:
    """Where an item stands."""
    if item["claimed_by"]:
        return f"claimed by {one_line(item['claimed_by'])}"
    return str(item["state"])
