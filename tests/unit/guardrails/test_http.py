"""The judge `http`: what it may ask where, and which kinds it may give."""

import pytest

from llmgateway.guardrails.http import HttpJudge
from llmgateway.ports.asking import Whom
from llmgateway.ports.guardrail import OptionError
from llmgateway.ports.judge import Piece


def test_it_asks_a_backend_at_its_path():
    judge = HttpJudge({"backend": "checks", "path": "/v1/check?strict=1"})
    assert (judge.whom, judge.asked) == (Whom.BACKEND, "checks")
    assert judge.question([Piece("x", "user")], []).path == "/v1/check?strict=1"


def test_its_kinds_are_those_of_the_settings():
    assert HttpJudge({"backend": "checks"}).kinds == ("http.flagged",)
    assert HttpJudge({"backend": "checks", "kinds": ["a", "b.c"]}).kinds == ("http.a", "http.b.c")


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "backend"),
        ({"backend": ""}, "backend"),
        ({"backend": "b", "path": "check"}, "path"),
        ({"backend": "b", "path": "/a b"}, "path"),
        ({"backend": "b", "path": "/a\r\nx: y"}, "path"),
        ({"backend": "b", "path": "/チェック"}, "path"),
        ({"backend": "b", "path": "/a#b"}, "path"),
        ({"backend": "b", "path": "/" + "a" * 200}, "path"),
        ({"backend": "b", "kinds": []}, "kinds"),
        ({"backend": "b", "kinds": ["Legal"]}, "kinds"),
        ({"backend": "b", "sources": ["nobody"]}, "sources"),
        ({"backend": "b", "url": "http://x"}, "url"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, option):
    with pytest.raises(OptionError) as raised:
        HttpJudge(options)
    assert raised.value.option == option
