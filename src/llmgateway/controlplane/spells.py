"""Conditions that last: told once when they have, and over only when they have been gone for a while. Pure."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(slots=True)
class _Spell:
    since: float
    last: float
    is_told: bool = False


class Spells:
    """`after_s`: what lasts for less is not worth telling. `calm_s`: what is gone for as long is over."""

    def __init__(self, after_s: float, calm_s: float) -> None:
        self._after_s = after_s
        self._calm_s = calm_s
        self._spells: dict[str, _Spell] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._spells

    def look(self, names: Collection[str], now: float) -> list[str]:
        """Take what holds now; gives what has lasted for long enough from this look on, each once."""
        self._spells = {name: each for name, each in self._spells.items() if now - each.last < self._calm_s}
        for name in names:
            self._spells.setdefault(name, _Spell(now, now)).last = now
        lasting = [
            name for name, each in self._spells.items() if not each.is_told and each.last - each.since >= self._after_s
        ]
        for name in lasting:
            self._spells[name].is_told = True
        return lasting
