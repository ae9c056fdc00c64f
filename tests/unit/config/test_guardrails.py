"""Guardrails in the configuration: what they become, and what is refused with its line."""

import pytest

from llmgateway.config.loader import load
from llmgateway.config.problems import ConfigError
from llmgateway.config.snapshot import Guarding, Guardrail
from llmgateway.domain.verdict import Action, Mode, Stage

TEXT = """
[guardrails]
baseline = ["credentials"]
hold = "2s"
[guardrails.credentials]
use = "secrets"
action = "block"
stages = ["request"]
[guardrails.people]
use = "pii"
restore = true
kinds = ["email"]
[backends.b]
provider = "openai"
base_url = "http://h/v1"
[routes.a]
guardrails = ["people", "pii", "credentials"]
[routes.a.versions.v]
backends = ["b"]
[routes.c.versions.v]
backends = ["b"]
"""


class OddSettingError(ValueError):
    option = "kinds"


def pii(options) -> None:
    if options.get("kinds") == ["nothing"]:
        raise OddSettingError("no such kind")
    if "oops" in options:
        raise ValueError("makes no sense")


class Judging:
    def __init__(self, options) -> None:
        pass

    def judge(self, pieces):
        return []


MAKERS = {"judging": Judging, "pii": pii, "secrets": lambda options: None}


def loaded(text: str = TEXT):
    return load(text, providers=["openai"], guardrails=MAKERS, generation=1, environ=None)


def refused(*change: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(TEXT.replace(*change))
    return [f"{each.line}: {each.path}: {each.reason}" for each in raised.value.problems]


def test_a_route_has_the_baseline_first_and_then_its_own():
    snapshot = loaded()
    credentials = Guardrail("credentials", "secrets", (Stage.REQUEST,), Action.BLOCK)
    people = Guardrail("people", "pii", restore=True, options={"kinds": ["email"]})
    assert snapshot.routes["a"].guardrails == (credentials, people, Guardrail("pii", "pii"))
    assert snapshot.routes["c"].guardrails == (credentials,)
    assert snapshot.guarding == Guarding(
        {"credentials": credentials, "people": people}, baseline=(credentials,), hold_s=2.0
    )


def test_without_anything_nobody_is_guarded():
    text = TEXT[TEXT.index("[backends.b]") :].replace('guardrails = ["people", "pii", "credentials"]\n', "")
    snapshot = loaded(text)
    assert snapshot.guarding == Guarding()
    assert snapshot.routes["a"].guardrails == ()


def test_observing_is_a_mode():
    assert (
        loaded(TEXT.replace('action = "block"', 'mode = "observe"')).guarding.named["credentials"].mode is Mode.OBSERVE
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ('use = "pii"', 'use = "pi"'),
            '10: guardrails.people.use: no guardrail plug-in is called "pi"; did you mean "pii"?',
        ),
        (('use = "secrets"\n', ""), '5: guardrails.credentials: no guardrail plug-in is called "credentials"'),
        (('["credentials"]', '["credential"]'), '3: guardrails.baseline: no guardrail is called "credential"'),
        (('["people", "pii"', '["peple", "pii"'), '17: routes.a.guardrails: no guardrail is called "peple"'),
        (('["people", "pii"', '["people", "people"'), '17: routes.a.guardrails: "people" is named twice'),
        (('kinds = ["email"]', 'kinds = ["nothing"]'), "12: guardrails.people.kinds: no such kind"),
        (('kinds = ["email"]', "oops = 1"), "9: guardrails.people: makes no sense"),
        (
            ('action = "block"', 'action = "allow"'),
            '7: guardrails.credentials.action: must be "flag", "redact" or "block"',
        ),
        (('action = "block"', "restore = true"), None),
        (('action = "block"', 'action = "block"\nrestore = true'), "8: guardrails.credentials.restore: is only for"),
        (('["request"]', '["requests"]'), "8: guardrails.credentials.stages: must be 'request' or 'reply'"),
        (('use = "secrets"', 'use = "judging"'), None),
        (
            ('use = "secrets"\naction = "block"', 'use = "judging"\naction = "redact"'),
            '7: guardrails.credentials.action: must be "flag"',
        ),
        (
            ('use = "secrets"\naction = "block"\nstages = ["request"]', 'use = "judging"\nstages = ["reply"]'),
            "7: guardrails.credentials.stages: must be",
        ),
        (('hold = "2s"', 'hold = "0s"'), "4: guardrails.hold: must be at least 0.1"),
        (('hold = "2s"', 'holds = "2s"'), "4: guardrails.holds: must be a table"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(change, problem):
    if problem is None:
        loaded(TEXT.replace(*change))
    else:
        assert any(each.startswith(problem) for each in refused(*change)), refused(*change)
