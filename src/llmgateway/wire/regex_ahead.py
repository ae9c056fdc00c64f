"""What an expression may be in the middle of, as an expression of its own."""

from llmgateway.wire.regex_syntax import Assertion, Atom, Choice, Concat, Node, Repeat, Scope


def written(node: Node) -> str:
    """Write a node as an expression again, without groups that keep what they matched."""
    match node:
        case Atom(source) | Assertion(source):
            return source
        case Concat(parts):
            return "".join(map(written, parts)) or "(?:)"
        case Choice(parts):
            return f"(?:{'|'.join(map(written, parts))})"
        case Scope(flags, part):
            return f"(?{flags}:{written(part)})"
        case Repeat(part, least, most, lazy):
            return f"(?:{written(part)}){_times(least, most)}{lazy}"


def unfinished(node: Node) -> str | None:
    """Write what matches exactly the texts that some further characters turn into a match, or into a longer one.

    None: there are none, as of the empty expression. An assertion at the end of a text counts as not yet decided.
    """
    match node:
        case Atom() | Assertion():
            return "(?:)"
        case Concat(parts):
            return _unfinished_row(parts)
        case Choice(parts):
            return _either([unfinished(part) for part in parts])
        case Scope(flags, part):
            inner = unfinished(part)
            return None if inner is None else f"(?{flags}:{inner})"
        case Repeat(part, _, most, _):
            inner = unfinished(part)
            if inner is None or most == 0:
                return None
            return f"(?:{written(part)}){_times(0, None if most is None else most - 1)}{inner}"


def may_be_empty(node: Node) -> bool:
    """Tell whether a match may have no characters."""
    match node:
        case Atom():
            return False
        case Assertion():
            return True
        case Concat(parts):
            return all(map(may_be_empty, parts))
        case Choice(parts):
            return any(map(may_be_empty, parts))
        case Scope(_, part):
            return may_be_empty(part)
        case Repeat(part, least, _, _):
            return least == 0 or may_be_empty(part)


def run_of(node: Node) -> tuple[str, int] | None:
    """Tell if an expression is one character class repeated: the class, and how often at least."""
    match node:
        case Scope(flags, part):
            inner = run_of(part)
            return inner and (f"(?{flags}:{inner[0]})", inner[1])
        case Repeat(part, least, _, "") if (single := _single(part)) and least > 0:
            return single, least
    return None


def _single(node: Node) -> str | None:
    match node:
        case Atom(source):
            return source
        case Scope(flags, part) if single := _single(part):
            return f"(?{flags}:{single})"
    return None


def _unfinished_row(parts: tuple[Node, ...]) -> str | None:
    rest: str | None = None
    for part in reversed(parts):
        rest = _either([unfinished(part), None if rest is None else written(part) + rest])
    return rest


def _either(ways: list[str | None]) -> str | None:
    some = [way for way in ways if way is not None]
    return f"(?:{'|'.join(some)})" if some else None


def _times(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"
