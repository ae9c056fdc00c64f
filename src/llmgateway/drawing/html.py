"""HTML from values: every text and attribute is escaped here, and nowhere else."""

from html import escape
from typing import Final

Value = str | int | bool | None
VOID: Final = frozenset({"br", "hr", "input", "link", "meta"})


class Html(str):
    """A piece of HTML that is right as it stands. Whatever is no Html is a text, and is escaped."""

    __slots__ = ()


def tag(name: str, /, *inner: str, **attributes: Value) -> Html:
    """An element. A trailing underscore in an attribute's name is dropped, others become dashes; True stands alone,
    False and None are left out.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    head = f"<{name}{given}>"
    return Html(head if name in VOID else f"{head}{join(*inner)}</{name}>")


def join(*parts: str) -> Html:
    """Pieces one behind the other."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def _attribute(key: str, value: Value) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
