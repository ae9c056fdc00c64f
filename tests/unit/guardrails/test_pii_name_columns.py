"""Names in tables: the title of a column says that they are names, whatever they are written with."""

import random

import pytest
from tests.unit.guardrails.pii_texts import found, people, streamed

from llmgateway.guardrails.pii import name_columns
from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.wire.view import View

TABLES = [
    ("姓,名,電話\n栢森,瑠璃花,090-1234-5678\n御子柴,龍之介,\n", ["栢森", "瑠璃花", "御子柴", "龍之介"]),
    ("| 氏 | 名 |\n|---|---|\n| 勅使河原 | 蓮 |", ["勅使河原", "蓮"]),
    ("苗字\t下の名前\n東海林\tひかる\n服部\t隼人", ["東海林", "ひかる", "服部", "隼人"]),
    ("氏名,部署\n纐纈 あかり,営業部\n栢森様,総務部", ["纐纈 あかり", "栢森"]),
    ("セイ,メイ\nコウケツ,アカリ", ["コウケツ", "アカリ"]),
    ("姓（漢字）,名（漢字）,姓カナ\n栢森,瑠璃,カヤモリ", ["栢森", "瑠璃", "カヤモリ"]),  # noqa: RUF001 - full width
    ('id,LastName,"First Name"\n1,栢森,"瑠璃花"', ["栢森", "瑠璃花"]),
    ("last_name;given_name;n\n栢森;瑠璃花;7", ["栢森", "瑠璃花"]),
    ("surname│forename\n─────┼─────\n栢森│瑠璃花", ["栢森", "瑠璃花"]),
    (
        "| 案件 | 主担当 | 期限 |\n|---|---|---|\n| 改修 | 山口 | 9/1 |\n| 移転 | 栢森 瑠璃花 | 9/2 |",
        ["山口", "栢森 瑠璃花"],
    ),
    ("読み,年\nかやもり るりか,3", ["かやもり るりか"]),
]


@pytest.mark.parametrize(("text", "names"), TABLES)
def test_what_stands_in_a_column_of_names_is_one(text, names):
    assert people(text) == names


def test_names_in_letters_are_found_where_english_is_asked_for():
    text = "LastName,first name\nSmith,Ann-Marie\nO'Neill,Jörg\nvan der Berg,J. R."
    assert people(text, "en", "ja") == ["Smith", "Ann-Marie", "O'Neill", "Jörg", "van der Berg", "J. R."]
    assert people(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "品,名,数\n鉛筆,赤鉛筆,3",  # given names only beside family names
        "名前,価格\n林檎,三百円",
        "姓,名\n不明,未登録\n合計,七十名様分になります",
        "氏名,部署\n栢森商事株式会社,東京営業部",
        "姓,名\n\n栢森,瑠璃花",  # the table has ended
        "姓と名を、順に\n栢森,瑠璃花",
        "| 案件 | 担当 |\n|---|---|\n| 改修 | 総務部 |\n| 移転 | 情報システム |",  # departments, too
    ],
)
def test_what_is_no_column_of_names_or_no_name(text):
    assert people(text) == []


def test_a_cell_that_is_prose_is_no_name():
    assert people("備考,姓\nx,先日の件でお電話を差し上げたものですがまだ何も承っておりません") == []


def test_far_below_its_head():
    rows = [f"栢{each},瑠璃,{at}" for at, each in enumerate("森林木村山川谷" * 20)]
    assert len(people("\n".join(["姓,名,番号", *rows]))) == 2 * len(rows)


def test_numbers_beside_names_are_found_as_ever():
    assert found("姓,名,電話番号\n栢森,瑠璃花,0312345678") == [
        ("person", "栢森"),
        ("person", "瑠璃花"),
        ("phone", "0312345678"),
    ]


@pytest.mark.parametrize("names", [["ja"], ["en", "ja"]])
@pytest.mark.parametrize("seed", range(12))
def test_a_stream_finds_what_the_whole_text_has(names, seed):
    dice, guardrail = random.Random(seed), PiiGuardrail({"kinds": ["person", "phone"], "names": names})
    cells = [
        "栢森",
        "瑠璃花 ",
        "van der",
        "van der Berg",
        "Ann",
        "",
        "不明",
        "x9",
        " 山田 太郎",
        '"東 京"',
        "御子柴様",
        "長" * 30,
    ]
    heads = ["姓,名,電話", "| last_name | first_name |", "氏名\tid", "a,b,c"]
    text = ""
    for _ in range(3):
        head = dice.choice(heads)
        sign = next(each for each in "|\t," if each in head)
        text += head + "\n" + "".join(sign.join(dice.choices(cells, k=3)) + "\n" for _ in range(dice.randint(1, 25)))
        text += dice.choice(["", "\n", "以上です。\n"])
    whole = [each[:3] for each in guardrail.find(View(text))]
    assert streamed(guardrail, text, [dice.randint(1, 9) for _ in range(97)]) == whole


def test_a_cell_waits_only_where_it_may_become_a_name():
    guardrail = PiiGuardrail({})
    for text, waits in (("姓,名\n栢", 1), ("姓,名\n栢森,", 0), ("品,数\nあ", 0), ("姓,名\n栢森,瑠" + "あ" * 30, 0)):
        view = View(text)
        assert len(text) - name_columns.opening(view, ["ja"]) == waits
        assert len(text) - guardrail.settled(view) >= waits
