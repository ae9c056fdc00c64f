"""Values that fill slots: one function each, by the name of its slot."""

from collections.abc import Callable, Mapping
from typing import Final

from bench.guardrails.dice import Dice
from bench.guardrails.labels import Labelled
from bench.guardrails.values import benign, contact, credentials, japanese, numbers, places, tokens

Maker = Callable[[Dice], Labelled]
MAKERS: Final[Mapping[str, Maker]] = {
    **contact.MAKERS,
    **places.MAKERS,
    **numbers.MAKERS,
    **japanese.MAKERS,
    **tokens.MAKERS,
    **credentials.MAKERS,
    **benign.MAKERS,
}


def value(name: str, dice: Dice) -> Labelled:
    """Make one."""
    return MAKERS[name](dice)
