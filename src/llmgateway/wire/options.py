"""A plug-in's own settings, as they stand in its table of the configuration: read with their types and bounds checked.

The sentences of refusals are for the operator, and name the setting.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_N = TypeVar("_N", int, float)
_WORDS: Final = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}


class OptionError(ValueError):
    """A setting that a plug-in does not take; its sentence is for the operator. `option`: which one."""

    def __init__(self, option: str, sentence: str) -> None:
        self.option = option
        super().__init__(sentence)


class Options:
    """The settings of one definition. Made with the names that the plug-in knows: any other is refused at once."""

    def __init__(self, given: Mapping[str, Any], known: Sequence[str]) -> None:
        self._given = given
        for name in given:
            if name not in known:
                raise OptionError(name, f"There is no setting {name!r}. Known: {', '.join(sorted(known)) or 'none'}.")

    def text(self, name: str, default: str) -> str:
        """Read a string that is not blank."""
        value = self._typed(name, default, str)
        if not value.strip():
            raise OptionError(name, f"{name} must not be empty.")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Read true or false."""
        return self._typed(name, default, bool)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Read a whole number from `least` to `most`."""
        return self._bounded(name, self._typed(name, default, int), least, most)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """Read a number, whole or not, from `least` to `most`."""
        return self._bounded(name, self._typed(name, default, float), least, most)

    def texts(self, name: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Read a list of strings, none of them blank; the default may be empty."""
        value = self._given.get(name, default)
        if not isinstance(value, list | tuple):
            raise OptionError(name, f"{name} must be a list of strings.")
        for at, each in enumerate(value, 1):
            if not isinstance(each, str) or not each.strip():
                raise OptionError(name, f"{name} must hold strings that are not empty; number {at} is not one.")
        return tuple(value)

    def choices(self, name: str, known: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
        """Read a list of some of the `known` words, at least one."""
        value = self.texts(name, default)
        if not value:
            raise OptionError(name, f"{name} must not be empty.")
        for each in value:
            if each not in known:
                raise OptionError(name, f"{name} holds {each!r}, which is none of {', '.join(known)}.")
        return value

    def table(self, name: str) -> dict[str, str]:
        """Read a table of strings by name; a list of strings gets the numbers from 1 as names."""
        value = self._given.get(name, {})
        if not isinstance(value, Mapping):
            return {str(at): each for at, each in enumerate(self.texts(name), 1)}
        for key, each in value.items():
            if not isinstance(each, str) or not each:
                raise OptionError(name, f"{name}.{key} must be a string that is not empty.")
        return dict(value)

    def has(self, name: str) -> bool:
        """Tell whether the operator wrote this setting."""
        return name in self._given

    def _typed(self, name: str, default: _T, kind: type[_T]) -> _T:
        value = self._given.get(name, default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise OptionError(name, f"{name} must be {_WORDS[kind]}.")
        return value

    @staticmethod
    def _bounded(name: str, value: _N, least: float, most: float) -> _N:
        if not least <= value <= most:
            raise OptionError(name, f"{name} must be from {least} to {most}.")
        return value
