"""Numbers of a JSON body that may say what a text would: those with many digits, whoever puts them where.

Left out are the APIs' own that are so long: what random choices begin with, and times.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from llmgateway.guarding.unread import is_inside
from llmgateway.wire.expression import Expression
from llmgateway.wire.jsonscan import Span
from llmgateway.wire.jsontexts import Literal
from llmgateway.wire.view import CONTEXT

LEAST: Final = 7  # digits of what could be a telephone number, an account's or a card's
MARKS: Final = rb"[:\[,][ \t\r\n]*-?(?:[0-9]{%d}|[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9])" % LEAST
"""What a body holds that has such a number: its pattern."""
_MARKS: Final = Expression(MARKS)
_NUMBER: Final = re.compile(rb"-?([0-9]+)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_CLOSED: Final = re.compile(rb"[\]}]")
_FREE: Final = frozenset({"seed"})
_TIMES: Final = frozenset({"created", "created_at", "completed_at", "expires_at"})
_OF_TIMES: Final = 13  # digits of milliseconds since 1970
_MOST: Final = 40  # digits; what has more says nothing


class Number(NamedTuple):
    """A number at `body[start:end]`, and what there is to judge: `text[at:]`, with the name of its member before it, or
    that of the list that it is in.
    """

    start: int
    end: int
    text: str
    at: int

    @property
    def said(self) -> str:
        """The number alone."""
        return self.text[self.at :]


def has_numbers(body: bytes) -> bool:
    """Whether a closer look is worth its while."""
    return _MARKS.search(body) is not None


def numbers(body: bytes, found: Sequence[Literal], judged: Sequence[Span]) -> Iterator[Number]:
    """The numbers of a valid document, whose strings were `found`, but for those in spans that are `judged` anyway."""
    at, name = 0, ""
    for literal in (*found, None):
        end = len(body) if literal is None else literal.start
        closed = _CLOSED.search(body, at, end) if name else None
        last = end if closed is None else closed.start()  # of what has the name, alone or in a list
        for number in _NUMBER.finditer(body, at, end):
            said = _digits(number)
            own = name if number.start() < last else ""
            is_free = own in _FREE or (own in _TIMES and len(said) <= _OF_TIMES)
            if said and not is_free and not is_inside(judged, number.start()):
                head = f"{own}: " if own else ""
                yield Number(*number.span(), head + said, len(head))
        if literal is not None:
            at, name = literal.end, literal.text[-CONTEXT:] if literal.is_name else ""


def _digits(number: "re.Match[bytes]") -> str:
    """The number as somebody would write it; nothing for one that is too short."""
    whole, fraction, exponent = number[1].decode(), number[2], number[3]
    if exponent is not None:
        if b"-" in exponent or len(exponent) > len("e+99"):
            return ""
        whole = format(Decimal(number[0].decode()), "f").lstrip("-") if len(whole) <= _MOST else ""
        whole, _, rest = whole.partition(".")
        fraction = f".{rest}".encode() if rest else None
    if not LEAST <= len(whole) <= _MOST:
        return ""
    return whole if fraction is None or not fraction.strip(b".0") else whole + fraction.decode()
