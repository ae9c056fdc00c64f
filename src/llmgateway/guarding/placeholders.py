"""What stands in the place of a value, and how the value comes back. One mapping an exchange, in memory only."""

import re
from collections.abc import Iterable
from typing import Final

from llmgateway.guarding.chain import Hit

MAX_VALUES: Final = 10_000  # of one exchange; beyond it values are redacted for good
_LONGEST: Final = 256  # characters of a name that is remembered: nothing longer is given to anything
_DIGITS: Final = 5  # of a number that comes back: see restore


def marked(kind: str) -> str:
    """What stands for a value that does not come back."""
    return f"[{_label(kind)}]"


def _label(kind: str) -> str:
    return "".join(each if each.isalnum() else "_" for each in kind.upper())


class Placeholders:
    """Numbered placeholders: the same value has the same one, so that a model can speak of it.

    Once `closed`, no value gets one any more: what a model says of its own does not come back.

    `taken`: the request's own text. What looks like a placeholder in there is nobody's: its number is left out, so that
    no caller can have another value put in the place of words of his own.
    """

    __slots__ = ("_avoided", "_by_value", "_counts", "_numbers", "_taken", "is_closed", "values")

    def __init__(self, taken: str = "") -> None:
        self._by_value: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._taken = taken.casefold()
        self._numbers: dict[str, set[str]] = {}  # of each label those that are taken
        self._avoided: set[str] = set()
        self.values: dict[str, str] = {}
        self.is_closed = False

    def __repr__(self) -> str:
        return f"<Placeholders {len(self.values)}>"  # never the values

    def closing(self) -> "Placeholders":
        """The same values for those who look at what a model says, while the caller may still name new ones."""
        made = Placeholders()
        made._by_value, made.values, made.is_closed = self._by_value, self.values, True
        return made

    def avoid(self, names: Iterable[str]) -> None:
        """Know of more names that the caller has written himself: from now on nothing is called so."""
        for name in names:
            if len(name) > _LONGEST:
                continue
            if len(self._avoided) >= MAX_VALUES:
                self.is_closed = True
                return
            self._avoided.add(name)

    def stand_in(self, hit: Hit, value: str) -> str:
        """What to write instead of `value`."""
        if not hit.link.restore:
            return marked(hit.kind)
        known = self._by_value.get((hit.kind, value))
        if known is not None:
            return known
        is_full = self.is_closed or len(self.values) >= MAX_VALUES
        return marked(hit.kind) if is_full else self._new(hit.kind, value)

    def _taken_of(self, label: str) -> set[str]:
        """The numbers with which a label stands in the request, and what these begin with."""
        if label not in self._numbers:
            found = re.finditer(f"(?={re.escape(label.casefold())}_([0-9]{{1,{_DIGITS}}}))", self._taken)
            self._numbers[label] = {each[1][:size] for each in found for size in range(1, _DIGITS + 1)}
        return self._numbers[label]

    def _new(self, kind: str, value: str) -> str:
        label = _label(kind)
        taken = self._taken_of(label)
        while True:
            number = self._counts[label] = self._counts.get(label, 0) + 1
            name = f"{label}_{number}"
            if str(number) not in taken and name.casefold() not in self._avoided:
                break
        placeholder = f"<{name}>"
        self._by_value[kind, value] = placeholder
        self.values[name.casefold()] = value
        return placeholder


NO_PLACEHOLDERS: Final = Placeholders()
"""For exchanges in which nothing is put back: without links that restore, nothing is ever added to it."""
