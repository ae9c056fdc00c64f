"""A plug-in's own settings, as they stand in its table of the configuration: read with their types and bounds checked.

The sentences of refusals are for the operator, and name the setting.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_N = TypeVar("_N", int, float)
_NAME_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.")
_MAX_NAME: Final = 64
_MAX_NAMES: Final = 100
_WORDS: Final = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", dict: "a table"}


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

    def needed(self, name: str) -> str:
        """Read a string that has no default."""
        if name not in self._given:
            raise OptionError(name, f"{name} must be set.")
        return self.text(name, "")

    def name(self, name: str, default: str) -> str:
        """Read what findings are called: small letters, digits, _ and dots."""
        return _named(name, name, self.text(name, default))

    def flag(self, name: str, *, default: bool) -> bool:
        """Read true or false."""
        return self._typed(name, default, bool)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Read a whole number from `least` to `most`."""
        return _bounded(name, name, self._typed(name, default, int), least, most)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """Read a number, whole or not, from `least` to `most`."""
        return _bounded(name, name, self._typed(name, default, float), least, most)

    def texts(self, name: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Read a list of strings, none of them blank; the default may be empty."""
        return _texts(name, name, self._given.get(name, default))

    def choices(self, name: str, known: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
        """Read a list of some of the `known` words, at least one."""
        value = self.texts(name, default)
        if not value:
            raise OptionError(name, f"{name} must not be empty.")
        for each in value:
            if each not in known:
                raise OptionError(name, f"{name} holds {each!r}, which is none of {', '.join(known)}.")
        return value

    def names(self, name: str, default: Sequence[str]) -> tuple[str, ...]:
        """Read a list of what findings are called, at least one and at most a hundred."""
        value = self.texts(name, default)
        if not 1 <= len(value) <= _MAX_NAMES:
            raise OptionError(name, f"{name} must hold from 1 to {_MAX_NAMES} names.")
        return tuple(_named(name, f"{name} number {at}", each) for at, each in enumerate(value, 1))

    def lists(self, name: str) -> dict[str, tuple[str, ...]]:
        """Read a table of lists of strings, none of them empty, by names such as findings have."""
        value = self._typed(name, {}, dict)
        if len(value) > _MAX_NAMES:
            raise OptionError(name, f"{name} must hold at most {_MAX_NAMES} names.")
        return {
            _named(name, f"{name}.{key}", key): _texts(name, f"{name}.{key}", each, 1) for key, each in value.items()
        }

    def numbers(self, name: str, known: Sequence[str], least: float, most: float) -> dict[str, float]:
        """Read a table of numbers from `least` to `most`, by some of the `known` words."""
        value = self._typed(name, {}, dict)
        for key in value:
            if key not in known:
                raise OptionError(name, f"{name} holds {key!r}, which is none of {', '.join(known)}.")
        return {
            key: _bounded(name, f"{name}.{key}", _typed(name, f"{name}.{key}", each, float), least, most)
            for key, each in value.items()
        }

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
        return _typed(name, name, self._given.get(name, default), kind)


def _typed(option: str, what: str, value: Any, kind: type[_T]) -> _T:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise OptionError(option, f"{what} must be {_WORDS[kind]}.")
    return value


def _bounded(option: str, what: str, value: _N, least: float, most: float) -> _N:
    if not least <= value <= most:
        raise OptionError(option, f"{what} must be from {least} to {most}.")
    return value


def _texts(option: str, what: str, value: Any, least: int = 0) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise OptionError(option, f"{what} must be a list of strings.")
    for at, each in enumerate(value, 1):
        if not isinstance(each, str) or not each.strip():
            raise OptionError(option, f"{what} must hold strings that are not empty; number {at} is not one.")
    if len(value) < least:
        raise OptionError(option, f"{what} must not be empty.")
    return tuple(value)


def _named(option: str, what: str, text: str) -> str:
    if not _NAME_LETTERS.issuperset(text) or not 1 <= len(text) <= _MAX_NAME:
        raise OptionError(option, f"{what} must consist of small letters, digits, _ and dots, at most {_MAX_NAME}.")
    return text
