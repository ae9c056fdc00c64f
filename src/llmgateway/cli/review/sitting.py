"""`llmgateway review` at the keyboard: one item after the other until nothing is left, or somebody has enough."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.review.asking import print_item, send, standing, step
from llmgateway.cli.review.options import given
from llmgateway.cli.whereabouts import Source, locate

if TYPE_CHECKING:
    from rich.console import Console

LEAVE: Final = "q"
SKIP: Final = "s"
CONCERN: Final = "c"
_KEYS: Final = "a number answers · s skips · c raises a concern · q ends"


class _EnoughError(Exception):
    """Whoever sits there wants to end."""


def sit(config: Path | None, url: str | None, token_env: str, queue: str | None) -> None:
    """Hand out items and take what is said of them."""
    source, out = locate(config, url, token_env), gateway.console()
    try:
        while True:
            item = send(source, "review/next", "item", **given(queue=queue, resume=True))
            if item is None:
                out.print("nothing is left for you to review")
                return
            print_item(out, item)
            with suppress(typer.Exit):  # refused, and said so: the next one is the same, or another
                _review(out, source, item)
    except (_EnoughError, EOFError, KeyboardInterrupt) as how:
        if not isinstance(how, _EnoughError):
            out.print()  # the question's line is still open
        out.print("what you have claimed comes back to you, or goes to others when its time is over")


def _review(out: "Console", source: Source, item: dict[str, Any]) -> None:
    labels: dict[str, str] = {}
    for question, options in item["asks"]["questions"].items():
        answer = _answer(out, source, item, question, options)
        if answer is None:
            reason = _line(out, "why can't you say anything? ") or "nothing to say"
            step(source, item["id"], "skip", reason=reason)
            return
        labels[question] = answer
    step(source, item["id"], "renew")  # words take their time
    comment = _line(out, "comment (Enter: none): ")
    takes = item["asks"]["takes_correction"]
    correction = _line(out, "how it should have been (Enter: none): ") if takes else None
    after = step(source, item["id"], "submit", **given(labels=labels, comment=comment, correction=correction))
    out.print(f"handed in; the item is {standing(after)}", style="green")


def _answer(out: "Console", source: Source, item: dict[str, Any], question: str, options: list[str]) -> str | None:
    """One of the options; None: skip."""
    from rich.text import Text

    offered = "  ".join(f"[{number}] {option}" for number, option in enumerate(options, 1))
    while True:
        out.print(Text(f"{question}: {offered}", style="bold"))
        said = (_line(out, f"{_KEYS} > ") or "").lower()
        if said == LEAVE:
            raise _EnoughError
        if said == SKIP:
            return None
        if said == CONCERN:
            _concern(out, source, item)
        elif said.isascii() and said.isdigit() and 1 <= int(said) <= len(options):
            return options[int(said) - 1]
        elif said in options:
            return said
        else:
            out.print(Text(f"that is none of them: {_KEYS}", style="yellow"))


def _concern(out: "Console", source: Source, item: dict[str, Any]) -> None:
    side = _line(out, "about left or right? ") if item["kind"] == "pair" else None
    text = _line(out, "what is wrong? ")
    severity = _line(out, "low, medium, high or critical (Enter: medium)? ")
    if text is not None:
        path = f"review/items/{item['id']}/concern"
        send(source, path, "concern", **given(side=side, text=text, severity=severity))
        out.print("the concern is raised: it stands against a promotion until it is closed", style="yellow")


def _line(out: "Console", prompt: str) -> str | None:
    return out.input(prompt).strip() or None
