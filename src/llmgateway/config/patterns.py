"""Route names that hold `*`: which names they match, and which of several is meant. Pure; no regular expressions."""

from collections.abc import Iterable


def matches(pattern: str, name: str) -> bool:
    """Tell whether `pattern` covers `name`; `*` stands for any run of characters, also an empty one."""
    head, star, rest = pattern.partition("*")
    if not star:
        return pattern == name
    *middle, tail = rest.split("*")
    end = len(name) - len(tail)
    if not (name.startswith(head) and name.endswith(tail) and len(head) <= end):
        return False
    at = len(head)
    for piece in middle:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def best_match(patterns: Iterable[str], name: str) -> str | None:
    """Pick what covers `name`: the name itself first, then the pattern with the most literal characters.

    Patterns of equal length are taken in alphabetical order, so that every worker picks the same.
    """
    found = [pattern for pattern in patterns if matches(pattern, name)]
    if name in found:
        return name
    return min(found, key=lambda pattern: (-len(pattern.replace("*", "")), pattern), default=None)


def overlap(one: str, other: str) -> bool:
    """Tell whether some name is covered by both patterns."""
    if "*" not in one:
        return matches(other, one)
    if "*" not in other:
        return matches(one, other)
    return _heads_agree(one, other) and _heads_agree(one[::-1], other[::-1])


def _heads_agree(one: str, other: str) -> bool:
    """With a `*` in both, only what stands before the first and after the last can contradict."""
    first, second = one.partition("*")[0], other.partition("*")[0]
    return first.startswith(second) or second.startswith(first)
