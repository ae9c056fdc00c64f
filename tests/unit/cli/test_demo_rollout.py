"""The rollouts' demo: who does what when, what is shown, and what counts as kept. No process, no wait."""

import io
import math
from dataclasses import replace

import aiohttp
import pytest
import tomlkit
from aiohttp import web
from rich.console import Console
from typer.testing import CliRunner

from llmgateway.cli import main as root
from llmgateway.cli.demo import setting
from llmgateway.cli.demo.rollout import play, plot, screen, verdict
from llmgateway.cli.demo.rollout.configuration import published, staged
from llmgateway.cli.demo.rollout.course import EVERY_S, MOST_POINTS, Course, Point
from llmgateway.cli.demo.rollout.crowd import MAX_TOKENS, MOST, QUESTIONS, RECENT, Crowd, Seen, questions
from llmgateway.cli.demo.rollout.desk import Desk, RefusedError
from llmgateway.cli.demo.rollout.play import Play
from llmgateway.cli.demo.rollout.scenes import SCENES, UNWATCHED, WATCHED, Deed, Doings, is_over
from llmgateway.cli.demo.rollout.telling import Telling
from llmgateway.cli.demo.rollout.verdict import Played
from llmgateway.cli.demo.stage import StuckError, perform
from llmgateway.cli.demo.traffic import Outcome, Request
from llmgateway.config.loader import load
from llmgateway.domain.clock import ManualClock
from llmgateway.modelserver.server import ModelServer
from llmgateway.modelserver.service import Settings
from llmgateway.wire.jsoncodec import decode, encode

GOOD, BAD = SCENES
ERROR = {
    "name": "error",
    "kind": "critical",
    "units": {"candidate": 20, "stable": 80},
    "bad": {"candidate": 0, "stable": 0},
    "harm": {"e": 1.0, "log_e": 0.0, "needed": 20.0},
    "safe": {"e": 2.0, "log_e": math.log(2), "needed": 20.0},
    "ratio": {"low": 0.0, "high": None},
}


def a_rollout(state="canary", **fields):
    return {
        "id": "6b0",
        "route": "assistant",
        "candidate": "v2",
        "stable": "v1",
        "creator": "Carol",
        "state": state,
        "running": True,
        "pause": None,
        "step": 0,
        "steps": [{"weight": 0.1, "gate": False}, {"weight": 0.5, "gate": False}],
        "weight": 0.1,
        "evidence_hash": "0123456789abcdef",
        "missing": [],
        "harm": {"e": 1.0, "log_e": 0.0, "needed": 20.0},
        "metrics": [ERROR],
        **fields,
    }


def a_head(state):
    """How one is shown that is over and filed."""
    return {"id": "6b0", "route": "assistant", "state": state, "running": False}


# --- who does what when


def test_people_read_then_think_then_approve_and_promote():
    doings, asked = Doings(GOOD, WATCHED), a_rollout("awaiting_approval")
    assert doings.due(a_rollout(), 100.0) is None
    assert doings.due(asked, 100.0) is Deed.READ
    doings.done(Deed.READ, 100.0)
    assert doings.due(asked, 100.0 + WATCHED.reading_s - 0.1) is None
    assert doings.due(asked, 100.0 + WATCHED.reading_s) is Deed.APPROVE
    doings.done(Deed.APPROVE, 106.0)
    assert doings.due(asked, 106.0) is Deed.PROMOTE
    doings.done(Deed.PROMOTE, 107.0)
    assert doings.due(asked, 108.0) is None


def test_who_is_refused_reads_again():
    doings, asked = Doings(GOOD, UNWATCHED), a_rollout("awaiting_approval")
    doings.done(Deed.READ, 100.0)
    doings.done(Deed.APPROVE, 100.0)
    doings.refused()
    assert doings.due(asked, 101.0) is Deed.READ


def test_the_second_candidate_breaks_a_moment_after_its_second_step_began_and_once():
    doings = Doings(BAD, WATCHED)
    assert doings.due(a_rollout(step=0), 100.0) is None
    assert doings.due(a_rollout(step=1), 101.0) is None
    assert doings.due(a_rollout(step=1), 101.0 + WATCHED.fault_s) is Deed.BREAK
    doings.done(Deed.BREAK, 103.0)
    assert doings.due(a_rollout(step=1), 110.0) is None


def test_the_first_candidate_never_breaks():
    doings = Doings(GOOD, UNWATCHED)
    assert {doings.due(a_rollout(step=step), 100.0 + step) for step in range(3)} == {None}


@pytest.mark.parametrize(
    ("rollout", "over"),
    [
        (a_rollout(), False),
        (a_rollout("rolling_back"), False),
        (a_rollout("succeeded"), False),  # the file does not say so yet
        (a_head("succeeded"), True),
        (a_head("rolled_back"), True),
        ({}, False),
    ],
)
def test_it_is_over_when_the_file_says_so(rollout, over):
    assert is_over(rollout) is over


# --- the configuration


def test_the_plan_is_one_that_the_gateway_takes_before_and_after_the_next_version(tmp_path):
    document = staged(tomlkit.parse(setting.example().read_text()), UNWATCHED)
    where = setting.prepare(document, tmp_path, {"one": 4001, "two": 4002, "three": 4003}, "sha256:" + "0" * 64)
    assert where.weights == {"v1": 100, "v2": 0}
    assert where.servers["three"] == "http://127.0.0.1:4003"
    before = where.config.read_text()
    after = published(before)
    for text, candidate, fallback in ((before, "v2", "v1"), (after, "v3", "v2")):
        route = load(text, providers=["openai"], generation=1, environ=None).routes["assistant"]
        assert route.rollout.candidate == candidate
        assert [step.min_time_s for step in route.rollout.steps] == [UNWATCHED.step_s] * 3
        assert [version.name for version in route.fallback] == [fallback]


# --- how it went


def test_moves_are_told_once_each_and_figures_now_and_then():
    course = Course(GOOD)
    assert course.note(a_rollout(), 0.1) == ["step 1 of 2: 10% of new users get v2"]
    assert course.note(a_rollout(), 0.3) == []
    assert course.figures(0.3) == []
    assert course.note(a_rollout(step=1, weight=0.5), 4.0) == ["step 2 of 2: 50% of new users get v2"]
    assert course.figures(EVERY_S + 1) == ["error 0/20 vs 0/80 · harm E 1/20"]
    assert course.figures(EVERY_S + 2) == []
    assert course.note(a_rollout("paused", pause="srm"), 5.0) == ["paused (srm): a person has to look"]
    assert course.note(a_rollout("succeeded", weight=1.0), 9.0)[0].startswith("succeeded: v2 is")
    assert course.note(a_head("succeeded"), 9.5) == []
    assert course.latest["weight"] == 1.0


def test_an_end_that_is_first_seen_when_it_is_filed_is_told_all_the_same():
    course = Course(BAD)
    course.note(a_rollout("rolling_back", weight=0.0), 4.0)
    assert "no worker gives anybody v3" in course.note(a_head("rolled_back"), 5.0)[0]


def test_what_is_kept_of_a_course_is_bounded():
    course = Course(GOOD)
    for number in range(MOST_POINTS + 10):
        course.note(a_rollout(), float(number))
    assert len(course.points) == MOST_POINTS


# --- the plot


def test_evidence_is_on_the_row_of_enough_only_when_it_is():
    assert [plot.LABELS[plot.level_of(math.log(each))] for each in (0.01, 0.9, 1, 19.9, 20, 1e9)] == [
        "0.4",
        "0.4",
        "1",
        "7",
        "20",
        "50+",
    ]


def test_the_plot_has_time_to_the_right_evidence_upwards_and_the_weight_below():
    points = [Point(at, 0.1 if at < 20 else 0.5, math.log(30) * at / 40, -1.0) for at in range(41)]
    rows = dict(plot.rows(points, 40))
    assert {len(cells) for cells in rows.values()} == {40}
    assert rows["20"].startswith("┄" * 20)
    assert rows["20"].endswith("●")
    assert rows["0.4"].count("○") == 40
    assert rows["1"].startswith("●●")
    assert rows["weight"] == "▁" * 20 + "▄" * 20


def test_a_plot_of_nothing_and_of_a_short_time_keeps_its_scale():
    assert plot.span([]) == plot.SHORTEST_S
    assert set("".join(cells for _, cells in plot.rows([], 10))) == {" ", "┄"}
    cells = dict(plot.rows([Point(0.0, 0.1, 0.1, 0.1), Point(10.0, 0.1, 0.1, 0.1)], 20))["1"]
    assert cells == plot.BOTH * 11 + " " * 9, "gaps between looks are filled, the future is not"


# --- the callers


def test_users_ask_twice_and_some_answers_are_streams():
    everything = list(questions("s"))
    assert len(everything) == MOST
    made = everything[:40]
    assert len({request.user for request in made}) == 40 / QUESTIONS
    assert {request.max_tokens for request in made} == {MAX_TOKENS}
    assert sum(request.stream for request in made) == 10


def test_what_callers_see_is_counted_with_a_bound():
    seen, request = Seen(), Request(0, "chat", "u", stream=True)
    for _ in range(RECENT + 5):
        seen.note(Outcome(request, total_s=0.1))
    seen.note(Outcome(request, error="broke off"))
    seen.note(Outcome(replace(request, stream=False), error="500"))
    assert (seen.asked, seen.answered, seen.streams, seen.cut) == (RECENT + 7, RECENT + 5, RECENT + 6, 1)
    assert seen.errors == {"broke off": 1, "500": 1}
    assert len(seen.durations) == RECENT
    assert round(seen.percentile_ms(50)) == 100
    assert Seen().percentile_ms(50) is None


async def test_the_callers_stop_when_all_they_asked_is_answered():
    async with ModelServer(Settings()) as server:
        crowd = Crowd(server.url, "key", "assistant", every_s=0.0)
        crowd.seen = Counting(20, crowd)
        await crowd.run()
        assert server.service.tallies.requests == crowd.seen.asked == crowd.seen.answered
        assert server.service.tallies.active == 0


class Counting(Seen):
    """Says when it is enough."""

    def __init__(self, enough, crowd):
        super().__init__()
        self.enough, self.crowd = enough, crowd

    def note(self, outcome):
        super().note(outcome)
        self.crowd.is_over = self.asked >= self.enough


# --- a scene, from its start to its end


class FakeDesk:
    """A gateway whose rollout is another one at each look, a second later each time."""

    def __init__(self, clock, rollouts, refuses=()):
        self.clock, self.rollouts = clock, iter(rollouts)
        self.refuses = list(refuses)
        self.acts = []
        self.turned = []

    async def act(self, what, who, body=None, **query):
        if what in self.refuses:
            self.refuses.remove(what)
            raise RefusedError(f"{what} is refused")
        self.acts.append((what, who.split()[0], body or query))
        return {"rollout": a_rollout(), "exemplars": [{"said": {"reply": "{}"}}] * 10}

    async def rollout(self):
        self.clock.advance(1.0)
        return next(self.rollouts)

    async def history(self, rollout):
        assert rollout == "6b0"
        return [{"to": "succeeded", "at": 1.0}]

    async def turn(self, url, knobs):
        self.turned.append((url, knobs))


async def played(scene, rollouts, monkeypatch, refuses=()):
    """What came of a scene, what people did, and what was told."""
    monkeypatch.setattr(play, "LOOK_S", 0.0)
    clock, out = ManualClock(), io.StringIO()
    desk = FakeDesk(clock, rollouts, refuses)
    telling = Telling(Console(file=out, width=80, force_terminal=False), clock)
    made = await Play(desk, telling, Seen(), "http://three", UNWATCHED, clock).scene(scene)
    return made, desk, out.getvalue()


ASKING = [a_rollout("awaiting_approval", step=1, weight=0.5)] * 4
DONE = [a_rollout("bake", step=1, weight=0.95), a_rollout("succeeded", step=1, weight=1.0), a_head("succeeded")]


async def test_a_good_candidate_is_read_approved_promoted_and_told_of(monkeypatch):
    made, desk, told = await played(GOOD, [a_rollout(), *ASKING, *DONE], monkeypatch)
    assert [what for what, _, _ in desk.acts] == ["start", "exemplars", "approve", "promote"]
    assert [who for _, who, _ in desk.acts] == ["Carol", "Ann", "Ann", "Ann"]
    assert desk.acts[2][2] == {"evidence_hash": "0123456789abcdef"}
    assert len(desk.acts[3][2]["reason"]) > 20
    assert (made.state, made.read, made.broke_at, made.seconds) == ("succeeded", 10, None, 8.0)
    for words in ("a pretend reviewer", "reads 10 random answers", "promotes it", "succeeded: v2 is"):
        assert words in told
    assert "Rollout 1 of 2" in told


async def test_one_that_is_refused_looks_again(monkeypatch):
    rollouts = [a_rollout(), *ASKING, *ASKING, *DONE]
    _, desk, told = await played(GOOD, rollouts, monkeypatch, refuses=["promote"])
    assert [what for what, _, _ in desk.acts] == ["start", "exemplars", "approve", "exemplars", "approve", "promote"]
    assert "promote is refused" in told


async def test_a_model_is_made_to_fail_and_when_is_noted(monkeypatch):
    rollouts = [a_rollout(step=1)] * 3 + [a_rollout("rolling_back", weight=0.0), a_head("rolled_back")]
    made, desk, told = await played(BAD, rollouts, monkeypatch)
    assert [(url, knobs["error"]) for url, knobs in desk.turned] == [("http://three", 500)]
    assert made.broke_at == ManualClock().time() + 2
    assert "begins to fail" in told
    assert "nobody was asked" in told


async def test_a_rollout_that_does_not_end_is_given_up(monkeypatch):
    made, _, told = await played(GOOD, [a_rollout()] * 200, monkeypatch)
    assert made.state == "canary"
    assert made.seconds < play.LONGEST_S + 2
    assert "it is not over after 91 s" in told


# --- what can be proven


def a_row(number, version="v3", **fields):
    made = {"rollout": "6b1", "assigned_version": version, "served_version": version, "status": 200}
    return {**made, "user": f"u{number // 2}", "at": 100.0 + number, "ended_at": 100.5 + number, **fields}


def rescued(number):
    return a_row(number, served_version="v2")


BACK = [{"to": "rolling_back", "at": 107.0, "actor": None}, {"to": "rolled_back", "at": 107.5, "actor": None}]
WELL = Played(GOOD, "6b0", "succeeded", [], 30.0, read=10)
ILL = Played(BAD, "6b1", "rolled_back", BACK, 20.0, broke_at=104.0)
ROWS = [a_row(0), a_row(1), a_row(2, "v2"), rescued(5), rescued(6), a_row(6.7), a_row(3, rollout="6b0")]


def a_crowd(asked=7, **fields):
    return Seen(asked=asked, answered=asked, streams=3, **fields)


def test_the_figures_of_one_that_was_withdrawn():
    ending = verdict.ending(ILL, ROWS)
    assert (ending.assigned, ending.users, ending.failed, ending.rescued) == (5, 4, 2, 2)
    assert (ending.to_decision_s, ending.by, ending.is_as_meant) == (3.0, "the gateway", True)
    assert ending.decided_in_s == 0.5
    assert ending.to_last_s == pytest.approx(0.2)


def test_nothing_after_the_decision_is_nought_and_not_negative():
    assert verdict.ending(ILL, ROWS[:5]).to_last_s == 0.0


def test_one_that_succeeded_has_no_decision_against_it():
    ending = verdict.ending(WELL, ROWS)
    assert (ending.to_last_s, ending.decided_in_s, ending.by, ending.failed) == (None, None, None, 0)


def test_everything_as_promised_is_sound():
    found = verdict.closing([WELL, ILL], ROWS, a_crowd(), 60.0)
    assert found.is_sound, found.promises


@pytest.mark.parametrize(
    ("well", "ill", "rows", "crowd", "broken"),
    [
        ({"state": "canary"}, {}, ROWS, a_crowd(), 1),
        ({"read": 9}, {}, ROWS, a_crowd(), 1),
        ({}, {"state": "canary", "moves": []}, ROWS, a_crowd(), 2),
        ({}, {"moves": [{**BACK[0], "actor": "ann"}]}, ROWS, a_crowd(), 1),
        ({}, {}, [*ROWS, a_row(9)], a_crowd(), 1),  # 2.5 s after the fault that decided
        ({}, {}, ROWS[:5], a_crowd(), 1),  # the log lacks two
        ({}, {}, ROWS, Seen(asked=7, answered=6, errors={"500": 1}), 1),
        ({}, {}, ROWS, a_crowd(cut=1), 1),
    ],
    ids=["not promoted", "not read", "not back", "back by hand", "late", "not logged", "error", "cut"],
)
def test_anything_else_is_not(well, ill, rows, crowd, broken):
    found = verdict.closing([replace(WELL, **well), replace(ILL, **ill)], rows, crowd, 60.0)
    assert not found.is_sound
    assert len([each for each in found.promises if not each.is_kept]) == broken


# --- the screen


def printed(*what, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    for each in what:
        console.print(each)
    return console.file.getvalue()


def a_course(**fields):
    course = Course(GOOD)
    course.note(a_rollout(**fields), 1.0)
    return course


def test_the_picture_has_figures_plot_meaning_and_callers_within_a_small_terminal():
    truncated = {**ERROR, "name": "truncated", "bad": {"candidate": 3, "stable": 9}, "ratio": {"low": 0.3, "high": 2.0}}
    lacks = [{"what": "units", "values": {"units": 20, "needed": 50}}, {"what": "rationale", "values": {}}]
    lacks.append({"what": "unseen", "values": {"seen": 0, "needed": 10}})
    course = a_course(metrics=[ERROR, truncated], missing=lacks, step=1, weight=0.5)
    text = printed(screen.frame(course, a_crowd()))
    for part in (
        "assistant: v2 instead of v1 · canary",
        "steps 10% → [50%]",
        "error: has happened on neither version",
        "truncated: 0.3 to 2 times as often on v2 as on v1",
        "harm: nothing that speaks against v2",
        "still missing: Units of the candidate judged in this step: 20 of 50.",
        "callers: 7 requests · 0 errors · 0 streams cut",
    ):
        assert part in text
    assert "write why" not in text, "what a person does only then is not missing now"
    assert "Random answers" not in text
    lines = text.splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80


def test_evidence_of_harm_is_told_as_how_rare_it_would_be():
    harm = {"e": 48.8, "log_e": math.log(48.8), "needed": 20.0}
    text = printed(screen.frame(a_course(harm=harm), a_crowd()))
    assert "were v2 as good as v1, at most 1 in 48.8 rollouts would look so bad" in text


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        ({"low": 2.1, "high": None}, "at least 2.1 times as often"),
        ({"low": 0.0, "high": None}, "any number of times as often"),
        ({"low": 0.5, "high": 1.25}, "0.5 to 1.2 times as often on v2 as on v1"),
    ],
)
def test_intervals_in_plain_words(ratio, words):
    metric = {**ERROR, "bad": {"candidate": 1, "stable": 0}, "ratio": ratio}
    assert words in screen.meaning(a_rollout(metrics=[metric]))[0]


def test_before_there_are_figures_callers_are_all_there_is():
    assert printed(screen.frame(Course(GOOD), a_crowd())).startswith("callers: 7 requests")


def test_answers_are_cut_to_a_line_and_can_not_move_the_cursor():
    reply = '{"choices": [{"message": {"content": "%s\\u001b[2J"}}]}' % ("word " * 5)
    text = printed(screen.exemplars([{"said": {"reply": reply}}, {"said": {}}]))
    assert text.splitlines()[0].startswith("   1. word word")
    assert "\x1b" not in text


def test_the_closing_says_what_was_kept_and_what_was_not():
    found = verdict.closing([WELL, replace(ILL, moves=[])], ROWS, a_crowd(), 60.0)
    text = printed(screen.closing(found))
    assert "Two rollouts in 60 s" in text
    assert "✓ v2 went through every step: succeeded" in text
    assert "✗ v3 began to fail" in text
    text = printed(screen.closing(verdict.closing([WELL, ILL], ROWS, a_crowd(), 60.0)))
    assert "✗" not in text
    assert "after the fault too many: decision 0.50 s, last request to v3 0.20 s" in text
    assert "out 3.0 s after it began to fail" in text


def test_programs_get_every_figure_and_promise():
    shown = verdict.closing([WELL, ILL], ROWS, a_crowd(), 60.0).shown()
    assert decode(encode(shown)) == shown | {"promises": [dict(each) for each in shown["promises"]]}
    assert (shown["is_sound"], shown["bad"]["rescued"], shown["asked"]) == (True, 2, 7)
    assert all(each["is_kept"] for each in shown["promises"])


def test_commands_are_those_of_this_gateway_and_not_all_of_one_person(tmp_path):
    document = staged(tomlkit.parse(setting.example().read_text()), UNWATCHED)
    where = setting.prepare(document, tmp_path, {"one": 4001, "two": 4002, "three": 4003}, "sha256:" + "0" * 64)
    lines = [command for _, command in screen.commands(where)]
    assert "curl -X PUT http://127.0.0.1:4003/mock/knobs -d '{\"error_rate\": 1}'" in lines
    ours = [line for line in lines if not line.startswith("curl")]
    assert all(line.endswith(f"--config {where.config}") for line in ours)
    people = {line.split()[0] == "LOGNAME=ann": line for line in ours if " start " in line or " approve " in line}
    assert set(people) == {True, False}


def test_a_terminal_gets_a_live_picture_and_everything_else_lines():
    for is_terminal in (True, False):
        clock, out = ManualClock(), io.StringIO()
        telling = Telling(Console(file=out, width=80, force_terminal=is_terminal), clock)
        course = a_course()
        with telling.scene(course, a_crowd()):
            clock.advance(4.0)
            telling.look(course, a_crowd(), 4.0)
            telling.say("something")
        text = out.getvalue()
        assert ("\x1b[?25l" in text) is is_terminal  # the cursor is hidden while it is live
        assert ("error 0/20 vs" in text) is not is_terminal
        assert "4.0 s  something" in text or is_terminal
        assert "of assignments now" in text


# --- the desk, the report, and what can't go on


@pytest.fixture
async def admin():
    """An admin listener that refuses everything but looking, and remembers who asked for what."""
    asked = []

    async def answer(request):
        asked.append((request.method, request.path_qs, request.headers.get("x-llmgateway-author")))
        if request.method == "GET":
            return web.json_response({"rollout": {"id": "6b0"}, "transitions": [{"to": "canary"}]})
        return web.json_response({"error": {"code": "rollout_refused", "message": "Not now."}}, status=409)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Desk(session, f"http://127.0.0.1:{runner.addresses[0][1]}", "assistant"), asked
    finally:
        await runner.cleanup()


async def test_the_desk_asks_in_somebodys_name_and_says_what_was_refused(admin):
    desk, asked = admin
    assert await desk.rollout() == {"id": "6b0"}
    assert await desk.history("6b0") == [{"to": "canary"}]
    with pytest.raises(RefusedError, match="409 Not now"):
        await desk.act("promote", "Ann", reason="good")
    assert asked == [
        ("GET", "/admin/v1/rollouts/assistant", None),
        ("GET", "/admin/v1/rollouts/assistant/history?id=6b0", None),
        ("POST", "/admin/v1/rollouts/assistant/promote?reason=good", "Ann"),
    ]


async def test_a_gateway_that_is_gone_ends_the_show_with_a_sentence():
    async with aiohttp.ClientSession() as session:
        with pytest.raises(StuckError, match="GET http://127.0.0.1:9/admin/v1/rollouts/assistant had no answer"):
            await Desk(session, "http://127.0.0.1:9", "assistant").rollout()


def test_a_show_that_can_not_go_on_fails_with_its_reason(capsys):
    async def show(_):
        raise StuckError("the model is out of town")

    assert perform(show, once=True) == 1
    assert "error: the model is out of town" in capsys.readouterr().err


def test_a_report_that_can_not_be_written_is_refused_before_the_show(tmp_path):
    result = CliRunner().invoke(root.app, ["demo", "--rollout", "--report", str(tmp_path / "gone" / "report.html")])
    assert result.exit_code == 2
    assert "there is no folder" in " ".join(result.output.replace("│", " ").split())
