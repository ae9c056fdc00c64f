"""The quick look at the end of a text takes whatever one of the closer looks takes, and no ordinary text."""

from collections.abc import Callable

import pytest

from llmgateway.guardrails.secrets import behind, clauses, codes, pending
from llmgateway.wire.view import View

_LOOKS = (behind.opening, clauses.opening, codes.opening)
_VALUES = ("xT4pQ9mRw2", "Winter2024!", "482913", "847-291", "abcDef-GhIjKl-MnOpQr", "p4ss?w0rd?", "「aB3dE5gH7」")
_BEHIND = (
    " is the current admin password",
    " was our old wifi password for now",
    " (the temporary password)",
    " to be your new passphrase",
    " as your verification code",
    " is your Acme sign-in code",
    " works when you want to log in",
    " and then log in again",
    " to unlock it",
    "をデフォルトの仮のパスワードとして設定",
    " を Wi-Fiの パスワードに",
    "がログインコードです",
    " は あなたの認証コード",
    "でログインしてください",
    "\ud800でログイン",
)


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize("words", _BEHIND)
def test_it_takes_whatever_a_closer_look_takes(value: str, words: str) -> None:
    whole = f"Room 5, try {value}{words}"
    ends = [View(whole[:size]) for size in range(len(whole) + 1)]
    opened = [view for view in ends if min(look(view) for look in _LOOKS) < len(view.text)]
    assert [view.text for view in opened if not pending.may_be(view)] == []


@pytest.mark.parametrize("look", _LOOKS)
def test_each_closer_look_takes_some_of_these(look: Callable[[View], int]) -> None:
    ends = [f"try {value}{words[:9]}" for value in _VALUES for words in _BEHIND]
    assert any(look(View(end)) < len(end) for end in ends)


@pytest.mark.parametrize("text", ["The 42 bus runs at noon", "論文は41点です。原因の切り分け", "It fits for the"])
def test_it_takes_no_ordinary_text(text: str) -> None:
    assert not pending.may_be(View(text))


def test_a_number_waits_only_for_words_that_may_call_it_a_code() -> None:
    assert codes.opening(View("482913がログイン")) == 0
    assert codes.opening(View("482913百個の見積")) == len("482913百個の見積")
    assert codes.opening(View("482913が、ログイン")) == len("482913が、ログイン")
