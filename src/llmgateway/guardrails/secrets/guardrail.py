"""Finds credentials: a gate of fixed words first, then what the word stands for, alone and on little text."""

from collections.abc import Mapping, Sequence
from re import escape
from typing import Any, Final

from ahocorasick_rs import BytesAhoCorasick, Implementation

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.secrets import (
    behind,
    clauses,
    codes,
    columns,
    context,
    further,
    japanese,
    logins,
    pem,
    pending,
    phrases,
    piped,
    structures,
    tokens,
    unseen,
)
from llmgateway.guardrails.secrets.scan import RUN, Candidate, Detector, Scan, compiled
from llmgateway.ports.guardrail import MAX_OPEN, REACH, Growing, OptionError
from llmgateway.wire.rows import below
from llmgateway.wire.unseen import UNSEEN
from llmgateway.wire.view import View


def _around(scan: Scan, at: int) -> Candidate | None:
    """What stands in quotes behind a word for passwords, or before it."""
    return phrases.detect(scan, at) or behind.detect(scan, at)


_GATED: Final[Sequence[tuple[str, Detector]]] = (
    (pem.GATE, pem.detect),
    *tokens.detectors(),
    *structures.DETECTORS,
    *logins.DETECTORS,
    *piped.DETECTORS,
    *codes.DETECTORS,
    *((word, _around) for word in ("passw", "passphrase", "passcode", "pwd")),
    *context.detectors(),
    *((word, clauses.asked) for word in ("key", "token", "secret")),
)
_WORDS: Final = (*(word for word, _ in _GATED), *clauses.GATES)
_GATE: Final = BytesAhoCorasick([word.encode() for word in _WORDS], implementation=Implementation.DFA)
_ANY: Final = compiled(b"(?i:" + b"|".join(escape(word.encode()) for word in _WORDS) + b")|" + structures.ODD_HEAD)
_DETECTORS: Final = [detect for _, detect in _GATED]
_RUN: Final = RUN + UNSEEN
_ARMOUR: Final = pem.GATE.upper()
_KINDS: Final = tuple(
    sorted(
        {pem.KIND, codes.CODE, context.PASSWORD, context.GENERIC, *structures.KINDS, *logins.KINDS}
        | {f"secret.{each}" for each in (*tokens.FAMILIES, *context.PROVIDERS)}
    )
)


class Secrets:
    """Finds keys, tokens, passwords and private keys. Option `kinds`: only these (or families of them)."""

    name = "secrets"
    version = "8"
    kinds: Sequence[str] = _KINDS
    growing = (Growing.WORD, Growing.SIGNS)

    def __init__(self, options: Mapping[str, Any]) -> None:
        for option in options:
            if option != "kinds":
                raise OptionError(option, f"is no setting of secrets: {option}")
        self._kinds = _chosen(options.get("kinds"))

    def find(self, view: View, start: int = 0) -> list[Finding]:
        """Give the secrets that begin at or after `start`."""
        base = max(0, start - REACH)
        near = View(view.text[base:], below(view.above, view.folded[:base])) if base else view
        found = _found(near, self._kinds)
        return [
            Finding(begin + base, end + base, kind, score)
            for begin, _, end, kind, score in found
            if begin + base >= start
        ]

    def settled(self, view: View, start: int = 0) -> int:
        """The start of the last run, or of an open private key; a run that is too long waits no longer."""
        text = view.folded
        low = max(0, len(text) - MAX_OPEN - 1)
        cut = low + len(text[low:].rstrip(_RUN))
        if len(text) - cut > MAX_OPEN:
            cut = self._beside(view, len(text) - MAX_OPEN)
        if _ARMOUR in text and pem.KIND in self._kinds:
            opened = pem.opened(Scan(view))
            cut = self._beside(view, cut if opened < 0 else min(cut, opened))
        opened = min(_opening(view), unseen.opening(view, _opening)) if view.hides else _opening(view)
        return max(start, cut if opened >= cut else self._before(view, opened))

    def continues(self, kind: str, text: str) -> int:
        """How many of `text`'s first characters go on with a secret that reached the end before them."""
        scan = Scan(View(text))
        return pem.continues(scan.octets) if kind == pem.KIND else scan.tokens(0)

    def _before(self, view: View, cut: int) -> int:
        """Move a cut before what it would divide."""
        return min([cut, *(each.start for each in _found(view, self._kinds) if each.start < cut < each.end)])

    def _beside(self, view: View, cut: int) -> int:
        """Move a cut out of what it would divide: before what reaches the text's end, behind what is closed."""
        scan = Scan(view)
        for each in _found(view, self._kinds):
            is_open = each.end == len(scan.octets) and not (each.kind == pem.KIND and pem.is_closed(scan))
            if each.start < cut <= each.end and is_open:
                return each.start
            if each.start < cut < each.end:
                return each.end
        return cut


def _chosen(kinds: object) -> frozenset[str]:
    if kinds is None:
        return frozenset(_KINDS)
    if not isinstance(kinds, list) or not kinds or not all(each in _KINDS for each in kinds):
        raise OptionError("kinds", f"kinds must be a list of some of these: {', '.join(_KINDS)}")
    return frozenset(kinds)


def _opening(view: View) -> int:
    """Where a value begins that is not whole, or that what follows may call a secret; the text's end if none does."""
    at = min(phrases.opening(view), piped.opening(view), columns.opening(view))
    return min(at, behind.opening(view), clauses.opening(view), codes.opening(view)) if pending.may_be(view) else at


def _found(view: View, kinds: frozenset[str]) -> list[Candidate]:
    """The secrets of these kinds in order, those too that hide behind characters nobody sees."""
    if not (view.hides or _ANY.place(view.octets)[0] >= 0 or columns.may_have(view) or japanese.may_have(view)):
        return []  # what ordinary text is told by
    if view.hides:
        return unseen.found(view, lambda each: _seen(each, kinds), whole=pem.KIND)
    return _seen(view, kinds)


def _seen(view: View, kinds: frozenset[str]) -> list[Candidate]:
    """The secrets of these kinds in order; of two that overlap the first, and there the surest."""
    found: list[Candidate] = []
    reached = 0
    scan = Scan(view)
    candidates = {*_candidates(view, scan)}
    for each in sorted({*candidates, *further.candidates(scan, candidates)}):
        if each.start >= reached and each.kind in kinds:
            found.append(each)
            reached = each.end
    return found


def _candidates(view: View, scan: Scan) -> list[Candidate]:
    """Whatever may be a secret. Most texts hold nothing that is worth a closer look."""
    found = [*japanese.candidates(scan), *columns.candidates(view)]
    of_clauses, detectors = [], len(_DETECTORS)
    for which, at, _ in _GATE.find_matches_as_indexes(scan.octets.lower(), overlapping=True):
        if which >= detectors:
            of_clauses.append(at)
        elif candidate := _DETECTORS[which](scan, at):
            found.append(candidate)
    told = {each.start for each in found if each.rank < clauses.RANK}  # by what is before them, in streams too
    found += clauses.candidates(scan, of_clauses, told)
    odd = structures.ODD.search(scan.octets)
    while odd:
        candidate = structures.discord(scan, odd.start(1))
        if candidate:
            found.append(candidate)
        odd = structures.ODD.search(scan.octets, odd.end(1))
    return found
