"""Events as people see them: a line each, or one with everything."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from llmgateway.cli.logs.printable import clock_time, full_time, json_text, one_line
from llmgateway.cli.pages import Titled
from llmgateway.cli.tables import Column, Fit, identity, show, words

if TYPE_CHECKING:
    from rich.text import Text

STYLES: Final = {"alarm": "bold red", "warning": "yellow", "info": ""}

Event = Mapping[str, Any]


def print_list(events: Sequence[Event], now: float) -> None:
    """The list. Ids are there to be copied, so they are never broken: each has a line of its own below its text."""
    from rich.text import Text

    widest = max((len(one_line(each["id"])) for each in events), default=0)
    rows = []
    for each in events:
        what = Text(one_line(f"{each['kind']}: {each['action']}"), STYLES.get(each["severity"], ""))
        text = Text(one_line(each["text"]))
        if state := standing(each, now):
            text.append(f" [{state}]", "dim")
        text.append(f"\n{one_line(each['id'])}", "dim")
        rows.append((ago(now - each["at"]), what, about(each), text))
    last = words("text and id", least=widest)
    show((identity("when"), Column("what", Fit.WRAPPED, least=12), Column("about", rank=1), last), rows)


def line(event: Event) -> "Text":
    """One event that has just come, or has just cleared."""
    from rich.text import Text

    is_over = event["cleared_at"] is not None
    head = (
        f"{clock_time(event['cleared_at'] if is_over else event['at'])} {'cleared' if is_over else event['severity']} "
    )
    text = Text(head, "green" if is_over else STYLES.get(event["severity"], ""))
    return text.append(one_line(f"{event['kind']}: {event['text']} ({event['id']})"), "")


def picture(event: Event, now: float) -> Titled:
    """Everything about one."""
    from rich.text import Text

    made = Titled("", "name", "value")
    for name, value in _rows(event, now):
        style = STYLES.get(event["severity"], "") if name == "severity" else ""
        made.add_row(Text(name, "dim"), Text(value, style))
    return made


def standing(event: Event, now: float) -> str:
    """What has become of it; nothing where it happened once and for all."""
    if event["undone_at"] is not None:
        return one_line(f"taken back by {event['undone_by']} {ago(now - event['undone_at'])}")
    if event["cleared_at"] is not None:
        return f"cleared {ago(now - event['cleared_at'])}"
    return "open" if event["severity"] == "alarm" else ""


def about(event: Event) -> str:
    """The route and version, or the backend."""
    parts = [event[name] for name in ("route", "version", "backend") if event[name]]
    return one_line("/".join(parts))


def ago(seconds: float) -> str:
    """How long ago, in the largest unit that has at least one."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def _rows(event: Event, now: float) -> list[tuple[str, str]]:
    undo = event["undo"]
    rows = [
        ("id", one_line(event["id"])),
        ("when", f"{full_time(event['at'])} ({ago(now - event['at'])})"),
        ("what", one_line(f"{event['kind']}: {event['action']}")),
        ("severity", one_line(event["severity"])),
        ("about", about(event)),
        ("text", one_line(event["text"])),
        ("state", standing(event, now)),
        ("figures", json_text(event["figures"], pretty=True) if event["figures"] else ""),
        ("undo", "nothing takes it back" if undo is None else one_line(undo["act"])),
    ]
    return [(name, value) for name, value in rows if value]
