"""What is read behind labels of names: not far behind, each place once, and no name cut at the end of it."""

import pytest
from tests.unit.guardrails.pii_texts import people

from llmgateway.guardrails.pii.anchors import anchors
from llmgateway.guardrails.pii.stretches import BESIDE, LONGEST, stretches
from llmgateway.wire.view import CONTEXT

FAR = CONTEXT + LONGEST


def read(text: str, low: int = 0) -> list[tuple[int, int]]:
    beside = anchors(text, low)
    found = list(stretches(text, low, beside.labels if beside else ()))
    assert all(each.raw.decode() == text[each.start : each.end] for each in found)
    return [(each.start, each.end) for each in found]


def test_a_label_is_read_with_what_is_before_it():
    text = '{"personal": {"first_name": "' + "い" * 200
    ((start, end),) = read(text)
    assert text[start:].startswith('"first_name"')
    assert end == text.index('": "い') + FAR


def test_what_is_behind_several_labels_is_read_once():
    text = "氏名:春山 浩、フリガナ:ハルヤマ" + "い" * 300 + "氏名:秋"
    assert read(text) == [(0, text.index(":ハ") + FAR), (text.rindex("い") - 7, len(text))]


@pytest.mark.parametrize(
    "text", ["担当者が不明なら", "契約者は", "氏名:", "氏名「", "氏名)", "氏名", "氏名<b>", "氏名・"]
)
def test_what_may_lead_from_a_label_to_a_name(text):
    assert read(text) == [(0, len(text))]


@pytest.mark.parametrize("text", ["患者を診る", "参加に同意する", "宛名X", "父7", "母語", "妻子", "監督ー"])
def test_a_label_that_is_a_part_of_a_word_is_none(text):
    assert read(text) == []


def test_nothing_before_the_place_is_read():
    assert read("氏名:春山 浩", 3) == []
    assert read("。。氏名:春山 浩", 2) == [(2, 9)]


def test_a_stream_knows_every_label_that_matters():
    assert FAR + len("被保険者氏名") < BESIDE
    text = "契約者氏名:" + "-" * (FAR - 12) + "名:花子、" + "い" * 20
    assert people(text)[:1] == ["花子"]


@pytest.mark.parametrize("gap", range(FAR - 8, FAR + 4))
def test_a_name_at_the_end_of_a_stretch_is_whole_or_not_there(gap):
    text = "契約者氏名:" + "-" * (gap - 3) + "、名:桜子花、"
    assert people(text) in ([], ["桜子花"])
