"""Guardrails in the configuration: what they become, and what is refused with its line."""

import pytest

from llmgateway.config.guarding import Guarding, Guardrail
from llmgateway.config.loader import examine, load
from llmgateway.config.problems import ConfigError
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
    if "bug" in options:
        raise KeyError("x" * 1_000)


class Unfinished:
    def __init__(self, options) -> None:
        pass

    def find(self, view, start=0):
        return []


class Judging:
    stages = (Stage.REQUEST,)
    is_heavy = False

    def __init__(self, options) -> None:
        pass

    def judge(self, pieces):
        return []


class Asking:
    stages = (Stage.REPLY, Stage.REQUEST)
    whom = "route"

    def __init__(self, options) -> None:
        pass

    def question(self, pieces, context):
        return None


class Locating(Asking):
    locates = True
    usual_action = Action.REDACT


class QuickAndLocating(Judging):
    locates = True
    usual_action = Action.REDACT


class OfReplies(Judging):
    stages = (Stage.REPLY,)
    is_heavy = True


class Binding:
    stages = (Stage.REPLY,)

    def __init__(self, options) -> None:
        pass

    def bind(self, document, pieces):
        return None


MAKERS = {
    "binding": Binding,
    "asking": Asking,
    "judging": Judging,
    "unfinished": Unfinished,
    "locating": Locating,
    "quick": QuickAndLocating,
    "replies": OfReplies,
    "pii": pii,
    "secrets": lambda options: None,
}


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


def test_who_blocks_may_have_words_for_it():
    snapshot = loaded(TEXT.replace('action = "block"', 'action = "block"\nrefusal = "Not here."'))
    assert snapshot.guarding.named["credentials"].refusal == "Not here."
    assert snapshot.guarding.named["people"].refusal is None


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
        (('kinds = ["email"]', "bug = 1"), "9: guardrails.people: the plug-in \"pii\" can't be made: KeyError: 'xxx"),
        (
            ('use = "pii"', 'use = "unfinished"'),
            '9: guardrails.people: the plug-in "unfinished" is no guardrail yet: it has no settled, continues',
        ),
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
        (
            ('use = "secrets"\n', 'use = "secrets"\ntimeout = "1s"\n'),
            "7: guardrails.credentials.timeout: is for plug-ins that ask somebody",
        ),
        (
            ('use = "secrets"\n', 'use = "secrets"\non_error = "pass"\n'),
            "7: guardrails.credentials.on_error: is for plug-ins that ask somebody",
        ),
        (('use = "secrets"\n', 'use = "asking"\nroute = "a"\non_error = "pass"\ntimeout = "9s"\n'), None),
        (
            ('use = "secrets"\n', 'use = "asking"\nroute = "aa"\n'),
            '7: guardrails.credentials.route: no route is called "aa"; did you mean "a"?',
        ),
        (('use = "secrets"\n', 'use = "asking"\ntimeout = "0s"\n'), "7: guardrails.credentials.timeout: must be"),
        (('action = "block"', 'action = "block"\nrefusal = "No."'), None),
        (('action = "block"', 'action = "flag"\nrefusal = "No."'), "8: guardrails.credentials.refusal: is only for"),
        (
            ("restore = true", 'refusal = "No."'),
            '11: guardrails.people.refusal: is only for guardrails with action = "b',
        ),
        (('action = "block"', 'action = "block"\nrefusal = ""'), "8: guardrails.credentials.refusal: must "),
        (('action = "block"', f'action = "block"\nrefusal = "{"x" * 2000}"'), None),
        (
            ('action = "block"', f'action = "block"\nrefusal = "{"x" * 2001}"'),
            "8: guardrails.credentials.refusal: must ",
        ),
        (('action = "block"', 'action = "block"\nrefusal = true'), "8: guardrails.credentials.refusal: must be"),
        (('hold = "2s"', 'hold = "0s"'), "4: guardrails.hold: must be at least 0.1"),
        (('hold = "2s"', 'holds = "2s"'), "4: guardrails.holds: must be a table"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(change, problem):
    if problem is None:
        loaded(TEXT.replace(*change))
    else:
        assert any(each.startswith(problem) for each in refused(*change)), refused(*change)


def test_a_pattern_leaves_open_which_model_is_asked():
    text = TEXT.replace("[routes.c.versions.v]", '[routes."c-*".versions.v]')
    change = ('use = "secrets"\n', 'use = "asking"\nroute = "c-*"\n')
    with pytest.raises(ConfigError, match="must name one route"):
        loaded(text.replace(*change))


@pytest.mark.parametrize(
    ("plugin", "stages"),
    [
        ("pii", (Stage.REQUEST, Stage.REPLY)),
        ("judging", (Stage.REQUEST,)),
        ("asking", (Stage.REQUEST,)),
        ("replies", (Stage.REPLY,)),
    ],
)
def test_judges_look_at_prompts_unless_more_is_asked_for(plugin, stages):
    text = TEXT.replace('stages = ["request"]\n', "").replace('use = "secrets"', f'use = "{plugin}"')
    assert loaded(text).guarding.named["credentials"].stages == stages
    named = TEXT.replace("restore = true\n", "").replace('"pii"', f'"{plugin}"')
    assert loaded(named).routes["a"].guardrails[2].stages == stages


@pytest.mark.parametrize(
    ("plugin", "usual"), [("pii", Action.REDACT), ("judging", Action.FLAG), ("asking", Action.FLAG), ("locating", None)]
)
def test_judges_flag_unless_more_is_asked_for_or_they_say_so_themselves(plugin, usual):
    text = TEXT.replace('action = "block"\nstages = ["request"]\n', "").replace('"secrets"', f'"{plugin}"')
    assert loaded(text).guarding.named["credentials"].action is (usual or Action.REDACT)
    blocking = text.replace(f'"{plugin}"', f'"{plugin}"\naction = "block"', 1)
    assert loaded(blocking).guarding.named["credentials"].action is Action.BLOCK


def test_only_what_finds_places_may_redact_and_so_restore():
    change = ('use = "secrets"\naction = "block"', 'use = "locating"\naction = "redact"\nrestore = true')
    found = loaded(TEXT.replace(*change)).guarding.named["credentials"]
    assert (found.action, found.restore) == (Action.REDACT, True)
    (restores,) = refused('use = "secrets"\naction = "block"', 'use = "asking"\nroute = "a"\nrestore = true')
    assert "is only for guardrails that redact requests" in restores


def test_what_is_asked_before_anything_could_be_replaced_redacts_nothing():
    (wrong,) = refused('use = "secrets"\naction = "block"', 'use = "quick"\naction = "redact"')
    assert wrong.endswith('must be "flag" or "block": this plug-in judges whole texts')


@pytest.mark.parametrize(
    ("plugin", "action"), [("pii", "redact"), ("judging", "flag"), ("quick", "flag"), ("asking", "flag")]
)
def test_a_judge_that_was_told_nothing_is_said_to_flag(plugin, action):
    text = TEXT.replace('action = "block"\n', "").replace('use = "secrets"', f'use = "{plugin}"')
    assert loaded(text).guarding.named["credentials"].action == action
    named = TEXT.replace("restore = true\n", "").replace('"pii"', f'"{plugin}"')
    assert loaded(named).routes["a"].guardrails[2].action == action
    assert loaded(TEXT.replace('use = "secrets"', 'use = "judging"')).guarding.named["credentials"].action == "block"


def test_who_must_know_the_request_looks_into_replies_alone():
    assert loaded(
        TEXT.replace('use = "secrets"\naction = "block"\nstages = ["request"]', 'use = "binding"')
    ).guarding.named["credentials"].stages == (Stage.REPLY,)
    wrong = refused('use = "secrets"\naction = "block"\n', 'use = "binding"\naction = "block"\n')
    assert wrong == ['8: guardrails.credentials.stages: must be ["reply"]: this plug-in judges nothing else']
    (restores,) = refused('use = "secrets"\naction = "block"\nstages = ["request"]', 'use = "binding"\nrestore = true')
    assert "is only for guardrails that redact requests" in restores


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        (("", ""), True),
        (('"redact"', '"block"'), False),
        (('"redact"', '"redact"\nmode = "observe"'), False),
        ((', "reply"]', "]"), False),
        (('"locating"', '"pii"'), False),
    ],
)
def test_that_who_redacts_whole_replies_leaves_no_streams_is_worth_a_warning(change, is_told):
    definition = 'use = "locating"\naction = "redact"\nstages = ["request", "reply"]'.replace(*change)
    text = TEXT.replace('use = "secrets"\naction = "block"\nstages = ["request"]', definition)
    found = examine(text, providers=["openai"], guardrails=MAKERS, generation=1, environ=None).warnings
    told = [each.path for each in found if "requests for a stream are refused" in each.reason]
    assert told == (["guardrails.credentials.stages"] if is_told else [])
