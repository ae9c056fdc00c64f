"""What is told from a value's ends, or from its characters, is what its form would tell."""

from itertools import product

from llmgateway.guardrails.secrets import strength

WORDS = ["my", "old", "passwd", "password", "pass", "pwd", "secret", "token", "KEY", "_", "-", "7", "12", "x"]
SIGNS = ["a", "Zq", "_", "7", "(", ")", "[", "{", "<", ">", "=", ".", "/", ":", "-", "$", "%", "&", "@", "!", "b", "*"]
DATES = ["2026", "11", "22", "-", "/", ".", ":", "am", "SHA", "-", "256", "v", "x"]


def texts(parts, most):
    """Everything that up to so many parts make."""
    return ["".join(chosen).encode() for size in range(most + 1) for chosen in product(parts, repeat=size)]


def test_what_forms_call_a_value_ends_as_such_a_name():
    named = [value for value in texts(WORDS, 3) if strength._OF_A_FORM.takes(value)]
    assert len(named) > 50
    assert all(strength._ends_a_name(value.lower()) for value in named)


def test_a_call_or_a_path_is_told_by_its_characters():
    code = [value for value in texts(SIGNS, 3) if strength._REFERENCE.takes(value)]
    assert len(code) > 50
    assert all(map(strength._is_reference, code))
    assert strength._is_reference(b"x<your key>")


def test_terms_and_dates_begin_or_end_with_a_digit():
    told = [value for value in texts(DATES, 4) if strength._NO_SECRET.takes(value)]
    assert len(told) > 50
    assert all(value[:1].isdigit() or value[-1:].isdigit() for value in told)
