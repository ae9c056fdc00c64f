"""Streams and windows: whatever way a text arrives, the same is found in it."""

import gc
import json
import random
from pathlib import Path

import pytest
from tests.unit.guardrails.pii_texts import streamed

from llmgateway.guardrails.pii import scan
from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.ports.guardrail import REACH
from llmgateway.wire.view import View

FIXTURE = Path(__file__).parents[2] / "fixtures" / "guardrails" / "pii.json"
CASES = json.loads(FIXTURE.read_text())
LETTER = (
    "Dear team, the order 88123 left on 2026-03-04. Please ring +1 212 555 0187 x3 or write to jane [at] example [dot] org; "
    "her card is 4111-1111-1111-1111 (exp 12/27) and the account GB82 WEST 1234 5698 7654 32. The host 203.0.113.7 "
    "answered in 12 ms, version 10.2.3.4 did not.\n"
    "住所は東京都千代田区丸の内1丁目9番2号 グランビル501号室、〒100-0005、電話は０３－１２３４－５６７８です。"
    "携帯は０９０ー１２３４ー５６７８か080ｰ1234ｰ5678、サーバー1ー2のカードは4111ー1111ー1111ー1111、"
    "マイナンバーは1234 5678 9018、口座は渋谷支店 普通 1234567、メールはtaro（アット）example（ドット）jpまで。\n"
)


@pytest.mark.parametrize("seed", range(20))
def test_a_letter_in_pieces_of_any_size(seed):
    dice = random.Random(seed)
    guardrail = PiiGuardrail({"kinds": list(PiiGuardrail.kinds)} if seed % 2 else {})
    whole = [(each.start, each.end, each.kind) for each in guardrail.find(View(LETTER * 2))]
    assert len(whole) >= 20
    assert streamed(guardrail, LETTER * 2, [dice.randint(1, 9) for _ in range(97)]) == whole


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_every_text_of_the_fixture_in_pieces_of_one_size(size):
    for case in CASES:
        guardrail = PiiGuardrail(case["options"])
        text = "\n".join(each for each, _ in case["texts"])
        whole = [(each.start, each.end, each.kind) for each in guardrail.find(View(text))]
        assert streamed(guardrail, text, [size]) == whole


@pytest.mark.parametrize("joint", ["", " ", "。", "\n", "-", "の", "7", ";", "／"])
def test_what_stands_far_before_changes_nothing(joint):
    guardrail = PiiGuardrail({})
    for far in ("x" * 400, "7 " * 300, "東京 " * 150, "a@b.co " * 60, "〇一" * 200, "1.2.3.4." * 60, "＠" * 500):
        text = far + joint + LETTER
        start = len(far) + len(joint) + 50
        low = start - REACH
        near = [(each.start + low, each.end + low, each.kind) for each in guardrail.find(View(text[low:]), REACH)]
        assert near == [(each.start, each.end, each.kind) for each in guardrail.find(View(text)) if each.start >= start]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_prose_is_hardly_held(language):
    text = {
        "en": "The committee met on Tuesday to review the draft, and most members agreed that it was too long. " * 5,
        "ja": "委員会は火曜日に草案を検討し、多くの委員が日程が厳しいという点で一致しました。" * 8,
    }[language]
    guardrail = PiiGuardrail({})
    held = sorted(
        end - guardrail.settled(View(text[max(0, end - REACH) : end])) - max(0, end - REACH)
        for end in range(1, len(text))
    )
    assert held[len(held) // 2] <= 4
    assert held[len(held) * 95 // 100] <= 12


@pytest.mark.parametrize("address", ["C@" + "本" * 94 + ".jp", "Cé" + "a" * 68 + "@" + "本" * 24 + ".jp"])
def test_a_long_address_of_other_letters_goes_through_in_no_part(address):
    guardrail, whole = PiiGuardrail({}), f"write to {address} now"
    (found,) = guardrail.find(View(whole))
    assert whole[found.start : found.end] == address
    for cut in range(len(whole)):
        assert not found.start < guardrail.settled(View(whole[:cut])) < found.end


def test_a_window_is_looked_through_once_for_both_questions(monkeypatch):
    looks = []
    through = scan.Look._find
    monkeypatch.setattr(scan.Look, "_find", lambda look, view: looks.append(look.start) or through(look, view))
    guardrail, view = PiiGuardrail({}), View(f"{LETTER}携帯は090-1234-")
    assert 3 < guardrail.settled(view, 3) < len(view.text)
    assert guardrail.find(view, 3)
    assert looks == [3]


def test_what_was_seen_from_another_place_or_by_another_is_not_taken_for_its_own():
    view, all_kinds, mail_only = View(LETTER), PiiGuardrail({}), PiiGuardrail({"kinds": ["email"]})
    ways = [(guardrail, start) for start in (0, 200, 90) for guardrail in (all_kinds, mail_only)]
    for guardrail, start in (*ways, *reversed(ways)):
        assert guardrail.find(view, start) == guardrail.find(View(LETTER), start)
        assert guardrail.settled(view, start) == guardrail.settled(View(LETTER), start)


def test_what_is_kept_of_a_look_does_not_hold_the_text_that_holds_it():
    view = View(LETTER)
    PiiGuardrail({}).find(view)
    assert view.seen is not None
    assert view not in gc.get_referents(view.seen[1])
