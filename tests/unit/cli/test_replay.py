"""The report of a replay: well-formed, self-contained, escaped, and true to the figures; what is sent, and where."""

import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import typer
from rich.console import Console

from llmgateway.cli import tables, whereabouts
from llmgateway.cli.datasets import asking as datasets
from llmgateway.cli.datasets.transfer import read
from llmgateway.cli.replay import judging, plots, words
from llmgateway.cli.replay.asking import CutOffError, body_of, logged_of, wait_of
from llmgateway.cli.replay.books import JudgeNow
from llmgateway.cli.replay.page import page
from llmgateway.cli.replay.report import LONGEST_TEXT, NOBODY, Judgement, Report, Texts
from llmgateway.cli.replay.told import tell
from llmgateway.ports.datasets import DatasetItem
from llmgateway.replaying.figures import figures_of
from llmgateway.replaying.gates import Outcome
from llmgateway.replaying.pairs import Bad, Pair, Side
from llmgateway.replaying.people import Compared, Preferred
from llmgateway.replaying.stopping import Ended
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.trust import Trust

HOSTILE = "<script>alert(1)</script> & \x1b[2J"
RECORD = {
    "id": "r-1", "created_at": 1_700_000_000.0, "author": HOSTILE, "dataset": "golden", "dataset_version": 2,
    "route": "chat", "candidate": "v2", "baseline": "v1", "plan": {}, "cost_usd": 1.5,
}  # fmt: skip


def side(*bad, **figures):
    return Side("x-1", 200, "completed", None, "stop", bad, {"flag": 1}, figures)


def report(pairs, texts=(), gates=(), people=NOBODY):
    return Report(RECORD, Ended.DONE, figures_of(pairs, {}), gates, texts, 3, 2.5, people)


def harmful(count=12):
    return [Pair(at, side(duration_s=1.0 + at), side(Bad.ERROR, duration_s=2.0 + at)) for at in range(count)]


def svgs(text):
    return [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]  # noqa: S314 -- ours


def test_the_page_says_it_in_words_shows_plots_and_escapes_what_was_said():
    texts = [Texts(11, HOSTILE, None, "fine", "x" * (LONGEST_TEXT + 1))]
    text = page(report(harmful(), texts, [Outcome("errors<=1.5x", False, HOSTILE)]), harmful())
    assert "The candidate is worse. Of 12 pairs the candidate lost 12, the baseline 0" in text
    assert len(svgs(text)) >= 3
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 3
    assert "not kept" in text
    assert "x" * LONGEST_TEXT + " …" in text
    assert "x" * (LONGEST_TEXT + 1) not in text
    assert not re.search(r"(src|href)=|url\(|@import|https?://", text)


def test_the_page_of_a_replay_without_a_pair_can_be_made():
    text = page(report([]), [])
    assert "Not decided" in text
    assert "was bad in none" in text


def test_the_terminal_says_the_same(capsys):
    out = Console(file=io.StringIO(), width=160, highlight=False, markup=False, emoji=False)
    tell(out, report(harmful(), [Texts(0, HOSTILE, None, "fine", None)], [Outcome("errors<=1.5x", None, "too few")]))
    text = out.file.getvalue() + capsys.readouterr().out
    assert "The candidate is worse." in text
    assert "12 · 100.0 % (75.8-100.0)" in text
    assert "not clear" in text
    assert "\x1b[2J" not in text


@pytest.mark.parametrize(
    ("pairs", "gates", "is_failed"),
    [
        (harmful(), [], True),
        (harmful(3), [], False),
        (harmful(3), [Outcome("errors<=1%", False, "")], True),
        (harmful(3), [Outcome("errors<=1.5x", None, ""), Outcome("cost<=2x", True, "")], False),
    ],
)
def test_it_fails_by_the_test_or_by_a_gate(pairs, gates, is_failed):
    told = report(pairs, (), gates)
    assert told.is_failed is is_failed
    assert json.loads(json.dumps(told.shown()))["failed"] is is_failed


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("cost_usd", 8.568e-05, "$0.000086"),
        ("cost_usd", 0.0123456, "$0.0123"),
        ("cost_usd", 0.0, "$0"),
        ("cost_usd", 1234.5, "$1,234"),
        ("duration_s", 0.001561, "1.56 ms"),
        ("duration_s", 0.3456, "346 ms"),
        ("duration_s", 2.5, "2.5 s"),
        ("input_tokens", 7.0, "7"),
        ("output_tokens", 51.52, "51.5"),
        ("output_tokens", 100_000.0, "100,000"),
        ("output_tokens", None, "-"),
    ],
)
def test_amounts_are_told_in_their_units(name, value, told):
    assert words.number(name, value) == told


def test_a_difference_has_its_sign_and_its_unit():
    told = {"difference": -0.000347, "interval": (-0.0004, 0.0)}
    assert words.difference_of("cost_usd", told) == "-$0.000347 (-$0.0004 to $0)"
    assert words.difference_of("duration_s", {"difference": 0.25, "interval": None}) == "+250 ms"


def test_the_terminal_has_what_the_page_has_and_fits(capsys, monkeypatch):
    monkeypatch.setattr(tables, "room", lambda: 80)
    out = Console(file=io.StringIO(), width=80, highlight=False, markup=False, emoji=False)
    tell(out, report(harmful(), gates=[Outcome("errors<=1.5x", False, "12 against 0")]))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    for part in ("12 · 100.0 % (75.8-100.0)", "0 : 12", "6.5 s (12 s)", "+1 s", "fails 12 against 0"):
        assert part in shown
    text = page(report([Pair(0, side(), side())]), [Pair(0, side(), side())])
    assert "Neither version lost a pair" in text


def test_what_people_say_is_told_everywhere_and_can_fail_it():
    out = Console(file=io.StringIO(), width=160, highlight=False, markup=False, emoji=False)
    people = Compared(14, Arms(1, 12))
    told = report([], people=people)
    tell(out, told)
    sentence = "People compared 14 pairs: the candidate lost 12, the baseline 1; that proves the candidate worse."
    assert sentence in out.file.getvalue()
    assert sentence in page(told, [])
    assert told.shown()["people"] == people.shown()
    assert told.is_failed
    assert not report([], people=Compared(14, Arms(6, 6))).is_failed
    assert "No one has compared a pair yet." in page(report([]), [])


@pytest.mark.parametrize(("trust", "fails"), [("advisory", False), ("may_pause", False), ("may_roll_back", True)])
def test_what_a_judge_says_is_told_and_fails_it_once_people_agree_with_it(trust, fails):
    out = Console(file=io.StringIO(), width=200, highlight=False, markup=False, emoji=False)
    told = replace(report([]), judge=Judgement("kind", Compared(14, Arms(1, 12)), Trust(trust)))
    tell(out, told)
    assert "The judge kind compared 14 pairs: the candidate lost 12, the baseline 1" in out.file.getvalue()
    assert ("That fails nothing" in page(told, [])) is not fails
    assert told.is_failed is fails
    assert told.shown()["judge"]["trust"] == trust
    assert report([]).shown()["judge"] is None


class Judging:
    """A gateway's books as `judging` sees them. `says`: what becomes of each pair; None: nothing, ever."""

    def __init__(self, says, known=()):
        self.says, self.verdicts, self.asked, self.through = says, dict.fromkeys(known, Preferred.TIE), [], 7

    def judged(self, name, since):
        return dict(self.verdicts)

    def judge(self, name):
        return JudgeNow(self.through, Trust.ADVISORY)

    def compare(self, name, pairs):
        self.asked.append(len(pairs))
        if self.says is not None:
            self.through += len(pairs)
            self.verdicts |= {each.candidate.exchange_id: self.says for each in pairs}
        return len(pairs)


def compared(count):
    ends = {"end": "completed"}
    return [Pair(at, Side(f"a{at}", **ends), Side(f"b{at}", **ends)) for at in range(count)]


def test_a_judge_is_asked_about_what_it_has_not_seen_a_few_at_a_time():
    books = Judging(Preferred.LOST, known=[f"b{at}" for at in range(5)])
    found = judging.judgement(books, "kind", compared(50), 0.0)
    assert books.asked == [20, 20, 5]
    assert (found.compared, found.trust) == (Compared(50, Arms(0, 45)), Trust.ADVISORY)
    judging.judgement(books, "kind", compared(50), 0.0)
    assert len(books.asked) == 3, "nothing is left to ask"


def test_a_judge_that_says_nothing_is_given_up(monkeypatch, capsys):
    monkeypatch.setattr(judging, "STALLED_S", 0.0)
    monkeypatch.setattr(judging, "POLL_S", 0.0)
    books = Judging(None)
    assert judging.judgement(books, "kind", compared(50), 0.0).compared.pairs == 0
    assert books.asked == [20]
    assert "has said nothing" in capsys.readouterr().err


def test_plots_stay_within_their_frame_whatever_the_values():
    for text in (
        plots.rates([(HOSTILE.replace("\x1b", ""), plots.Bar(0, 0, 1), plots.Bar(1, 0.9, 1))]),
        plots.spread("s", [0.0] * 500, [1e9]),
        plots.spread("s", [1.0], [1.0]),
        plots.evidence([(0, 0)], "e"),
        plots.evidence([(0, at) for at in range(500)], "e"),
    ):
        (drawn,) = svgs(text)
        for each in drawn.iter():
            for x in re.findall(r"[-\d.]+(?=,)", each.get("points", "")) + [each.get("cx", "0")]:
                assert 0 <= float(x) <= plots.WIDTH
    assert plots.spread("s", [], [1.0]) == ""


def test_every_row_has_a_title():
    told = figures_of(harmful(), {}).shown()
    for group in ("rates", "guardrails", "amounts"):
        assert told[group].keys() <= words.TITLES.keys()
    assert words.ENDS.keys() == set(Ended)


def item(request):
    return DatasetItem(0, "x", "h", "openai", "/v1/chat/completions", request=request)


def test_a_request_goes_as_it_was_logged_but_for_the_models_name():
    request = b'{"model" : "old", "n":1.0, "messages":[]}'
    assert body_of(request, "chat") == b'{"model" : "chat", "n":1.0, "messages":[]}'
    assert body_of(request, "old") == request
    assert body_of(request, None) == request


def test_an_answer_that_was_cut_is_not_judged():
    told = {"id": "x", "verdicts": [], "bodies": [{"kind": "reply", "content": "{}", "truncated": False, "cut": False}]}
    assert logged_of(told) == ({"id": "x", "verdicts": []}, b"{}")
    for flag in ("cut", "truncated"):
        told["bodies"][0][flag] = True
        assert logged_of(told).reply is None
        told["bodies"][0][flag] = False
    assert logged_of({"id": "x"}).reply is None


@pytest.mark.parametrize(
    ("status", "code", "after", "wait"),
    [
        (200, "overloaded", None, None),
        (503, "overloaded", None, 1.0),
        (429, "rate_limited", "3", 3.0),
        (429, "rate_limited", "3000", 60.0),
        (429, "rate_limited", "soon", 1.0),
        (429, "upstream_rate_limited", "3", None),
        (502, "upstream_error", None, None),
    ],
)
def test_only_the_gateways_own_lack_of_room_is_waited_for(status, code, after, wait):
    assert wait_of(status, json.dumps({"error": {"code": code, "message": "no"}}).encode(), after) == wait


def test_a_refusal_that_every_item_would_get_ends_it():
    with pytest.raises(CutOffError, match="may not name a version"):
        wait_of(403, b'{"error": {"code": "pin_not_allowed", "message": "This key may not name a version."}}', None)
    for unreadable in (b"", b"<html>", b"[1]", b'{"error": "x"}'):
        assert wait_of(502, unreadable, None) is None


def test_where_requests_go_is_the_configurations_word(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[server]\nlisten = "0.0.0.0:8080"\n')
    assert whereabouts.data_plane(file) == "http://127.0.0.1:8080"
    file.write_text('[server]\nlisten = "[::]:80"\n')
    assert whereabouts.data_plane(file) == "http://[::1]:80"


def test_datasets_are_named_with_or_without_a_version():
    assert datasets.named("golden") == ("golden", None)
    assert datasets.named("golden@12") == ("golden", 12)
    with pytest.raises(typer.Exit):
        datasets.named("golden@newest")


def test_items_go_in_batches_that_are_bounded_by_count_and_bytes(monkeypatch):
    assert [len(batch) for batch in datasets.batches([item(b"{}")] * 201)] == [100, 100, 1]
    monkeypatch.setattr(datasets, "BATCH_BYTES", 5)
    assert [len(batch) for batch in datasets.batches([item(b"{}")] * 5)] == [2, 2, 1]
    assert list(datasets.batches([])) == []


def test_a_file_is_read_without_doubles_and_a_bad_line_is_named(capsys):
    lines = b'{"input":"a"}\n\n{"input":" A "}\n{"erased_at":1}\n{"input":"b"}\n'
    items, doubles = read(io.BytesIO(lines), "f.jsonl")
    assert ([each.ordinal for each in items], doubles) == ([0, 1], 1)
    with pytest.raises(typer.Exit):
        read(io.BytesIO(lines + b"{\n"), "f.jsonl")
    assert "f.jsonl:6: it is no JSON" in capsys.readouterr().err
