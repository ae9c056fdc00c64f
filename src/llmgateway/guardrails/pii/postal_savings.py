"""Accounts of Japan's post office bank: a sign of five digits (記号, 1…0) and a number of up to eight (番号, …1)."""

from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.runs import compiled_wide, groups, wide
from llmgateway.wire import rows
from llmgateway.wire.view import CONTEXT, View

KIND: Final = "jp_bank_account"
_WORD: Final = "記号"
_BANK: Final = "ゆうちょ"
_LEADS: Final = r"[ :=は・番号口座()「」\[\]|\t*-]{0,8}"
_BEHIND_WORD: Final = rf"{_WORD}{_LEADS}"
_BEHIND_BANK: Final = rf"{_BANK}[^0-9\n\x1f]{{0,12}}"
_SIGN: Final = r"(1[0-9]{3}0)"
_JOINT: Final = (
    r"(?: ?[-,/の ] ?|[ ,、/・)」\]|\t*-]{0,3}\n?[ ,、/・|\t*-]{0,3}番号[ :=は(「\[|\t*]{0,4})"  # between the two
)
_PATTERNS: Final = (
    compiled_wide(rf"{_BEHIND_WORD}{_SIGN}(?:[^0-9]|\z)"),
    compiled_wide(rf"{_BEHIND_BANK}{_SIGN}[ のー-][0-9]"),
    compiled_wide(rf"(?:{_BEHIND_WORD}|{_BEHIND_BANK})1[0-9]{{3}}0(?:-[0-9])?{_JOINT}([0-9]{{1,7}}1)(?:[^0-9]|\z)"),
)
_DIGITS: Final = 8  # of a number, at most
_OF_SIGN: Final = 5
_NUMBERS: Final = ("番号", "口座番号", "通帳番号", "貯金番号")


def find(view: View, low: int, start: int) -> Iterator[Finding]:
    """Signs and numbers that end after `start`; `low`: from where on the text matters."""
    is_told = _WORD in view.folded
    if is_told or _BANK in view.folded:
        raw = wide(view.folded[max(low, start - CONTEXT) :])
        for pattern in _PATTERNS:
            yield from (Finding(begin, end, KIND) for _, begin, end in groups(pattern, raw, max(low, start - CONTEXT)))
    if is_told or _WORD in view.above.line or any(_WORD in name for head in view.above.heads for name in head.names):
        for begin, end, _ in rows.cells(view, start, _columns):
            if _is_part(view.folded[begin:end]):
                yield Finding(begin, end, KIND)


def _columns(names: tuple[str, ...]) -> dict[int, str]:
    """Both columns, where a table has them."""
    signs = {at for at, name in enumerate(names) if name.endswith(_WORD)}
    numbers = {at for at, name in enumerate(names) if name in _NUMBERS}
    return dict.fromkeys((*signs, *numbers), KIND) if signs and numbers else {}


def _is_part(value: str) -> bool:
    if not (value.isascii() and value.isdigit()):
        return False
    is_sign = len(value) == _OF_SIGN and value[0] == "1" and value[-1] == "0"
    return is_sign or (1 < len(value) <= _DIGITS and value[-1] == "1")
