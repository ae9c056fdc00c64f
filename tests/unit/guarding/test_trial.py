"""Who is asked about a text that somebody tries."""

import pytest
from tests.support.guardrails import OtherRedactor, Redactor, Runs, Word

from llmgateway.config.guarding import Guarding, Guardrail
from llmgateway.config.snapshot import Route, Snapshot, Version
from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.guards import prompts_of
from llmgateway.guarding.trial import Trial, TrialError, catalogue
from llmgateway.guardrails.system_leak.guardrail import SystemLeak
from llmgateway.wire.options import OptionError


class Picky:
    """A judge that needs a setting."""

    name = "picky"
    version = "2"
    kinds = ("picky.any",)

    stages = (Stage.REQUEST,)
    is_heavy = False

    def judge(self, pieces):
        return []

    def __init__(self, options):
        if "allowed" not in options:
            raise OptionError("allowed", "allowed must be set.")


class Easy(Picky):
    name = "easy"

    def __init__(self, options): ...


CLASSES = {"guardrail": {"runs": Runs, "word": Word}, "judge": {"picky": Picky, "easy": Easy}}
DIGITS = Guardrail("digits", "runs", options={"least": 6})
REPLIES = Guardrail("replies", "word", (Stage.REPLY,), Action.BLOCK, Mode.OBSERVE, options={"word": "x"})
LOST = Guardrail("lost", "nothing")
ROUTES = {name: Route(name, (), guardrails=(DIGITS, REPLIES)) for name in ("chat", "vendor/*")}
SNAPSHOT = Snapshot(1, routes=ROUTES, guarding=Guarding({each.name: each for each in (DIGITS, REPLIES, LOST)}))


def trial(snapshot=SNAPSHOT):
    return Trial(snapshot, lambda kind: CLASSES[kind])


def links(panel):
    return [(link.name, link.guardrail.name, link.action, link.mode) for link in panel.chain.links]


DIGITS_LINK = ("digits", "runs", Action.REDACT, Mode.ENFORCE)
REPLIES_LINK = ("replies", "word", Action.BLOCK, Mode.OBSERVE)


def test_a_routes_guardrails_are_asked_that_look_into_the_stage():
    assert links(trial().of_route("chat", Stage.REQUEST)) == [DIGITS_LINK]
    assert links(trial().of_route("chat", Stage.REPLY)) == [DIGITS_LINK, REPLIES_LINK]
    assert links(trial().of_route("vendor/m-1", Stage.REQUEST)) == [DIGITS_LINK]


def test_names_are_those_of_definitions_first_and_else_of_plugins():
    panel = trial().of_names(["replies", "runs", "easy", "digits", "replies"])
    assert links(panel) == [REPLIES_LINK, ("runs", "runs", Action.REDACT, Mode.ENFORCE), DIGITS_LINK]
    assert [judge.name for judge in panel.judges] == ["easy"]
    assert [link.guardrail.least for link in panel.chain.links[1:]] == [4, 6]


def test_guards_are_those_that_the_gateway_would_have_and_nothing_looks_after_stored_bodies():
    known = {**CLASSES, "guardrail": {**CLASSES["guardrail"], "pii": Redactor, "secrets": OtherRedactor}}
    asked = Trial(SNAPSHOT, known.get)
    guard = asked.guards_of_routes().of_route("vendor/*")
    assert [link.name for link in guard.request.links] == [link.name for link in guard.reply.links] == ["digits"]
    assert [link.name for link in guard.watching.links] == ["replies"]
    named = asked.guard_of_names(["easy", "replies", "runs", "runs"])
    assert [link.name for link in named.request.links] == ["runs"]
    assert [link.name for link in named.judges] == ["easy"]


def test_a_model_name_leads_to_its_route():
    assert [trial().route_name(name) for name in ("chat", "vendor/m-1")] == ["chat", "vendor/*"]


def test_each_is_made_once():
    one = trial()
    (first,), (second,) = (one.of_names(["digits"]).chain.links for _ in range(2))
    assert first is second is one.of_route("chat", Stage.REQUEST).chain.links[0]
    assert one.of_names(["easy"]).judges[0] is one.of_names(["easy"]).judges[0]


@pytest.mark.parametrize(
    ("ask", "what", "words"),
    [
        (lambda: trial().of_route("chatt", Stage.REQUEST), "route", 'no route is called "chatt"; did you mean "chat"?'),
        (lambda: trial(None).of_route("chat", Stage.REQUEST), "route", "no configuration"),
        (lambda: trial().of_names(["digit"]), "guardrail", 'did you mean "digits"?'),
        (lambda: trial(None).of_names(["digits"]), "guardrail", 'no guardrail is called "digits"'),
        (lambda: trial().of_names(["lost"]), "guardrail", 'no guardrail plug-in is called "nothing"'),
        (lambda: trial().of_names(["picky"]), "setting", '"picky" can\'t be asked without settings: allowed must be'),
    ],
)
def test_who_can_not_be_asked_is_said(ask, what, words):
    with pytest.raises(TrialError) as caught:
        ask()
    assert (caught.value.what, words in str(caught.value)) == (what, True), caught.value


def test_the_catalogue_has_every_plugin_and_says_where_settings_decide_what_it_finds():
    assert catalogue(lambda kind: CLASSES[kind]) == [
        {"name": "runs", "type": "guardrail", "version": "1", "kinds": None, "problem": None},
        {"name": "word", "type": "guardrail", "version": "7", "kinds": None, "problem": None},
        {"name": "easy", "type": "judge", "version": "2", "kinds": ["picky.any"], "problem": None},
        {"name": "picky", "type": "judge", "version": "2", "kinds": ["picky.any"], "problem": None},
    ]


def test_those_that_take_their_time_are_not_asked():
    class Slow(Easy):
        is_heavy = True

        def judge(self, pieces):
            raise AssertionError("it was asked")

    panel = Trial(SNAPSHOT, {**CLASSES, "judge": {"slow": Slow}}.get).of_names(["slow", "runs"])
    checked = panel.check("call 12345678", Stage.REQUEST)
    assert checked.not_asked == ["slow"]
    assert checked.shown()["not_asked"] == ["slow"]
    assert "not_asked" not in trial().of_names(["runs"]).check("x", Stage.REQUEST).shown()


def test_a_reply_that_somebody_tries_is_a_leak_of_what_the_routes_versions_put_in_front():
    said = "Refunds above five hundred pounds are approved by hand on Thursdays, and nobody may know."
    leak = Guardrail("leak", "system_leak", (Stage.REPLY,), Action.BLOCK)
    versions = tuple(Version(name, name, (), prompt=prompt) for name, prompt in (("v1", None), ("v2", f"Hush. {said}")))
    routes = {name: Route(name, versions if name == "chat" else (), guardrails=(leak,)) for name in ("chat", "bare")}
    known = Trial(Snapshot(1, routes=routes), lambda kind: {"system_leak": SystemLeak} if kind == "guardrail" else {})
    asked = {"messages": [{"role": "user", "content": "hi"}]}
    found = {
        name: known.of_route(name, Stage.REPLY).check(f"I was told: {said}", Stage.REPLY, asked).action
        for name in routes
    }
    assert found == {"chat": Action.BLOCK, "bare": Action.ALLOW}


def test_so_much_of_a_routes_prompts_is_told_to_every_exchange():
    versions = tuple(Version(str(n), str(n), (), prompt=f"{n}" + "x" * 65_000) for n in range(9))
    assert sum(map(len, prompts_of(Route("r", versions)))) == 256 * 1024
    same = (*versions[:1], *versions[:1], Version("v", "v", ()))
    assert [len(each) for each in prompts_of(Route("r", same))] == [65_001]
