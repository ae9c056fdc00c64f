"""Tables: what the head of a column calls the values in it."""

import pytest
from tests.unit.guardrails.pii_texts import found, streamed

from llmgateway.domain.verdict import Action
from llmgateway.guarding.chain import Chain, Link
from llmgateway.guarding.holdback import HoldBack, joined
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guardrails.pii import tables
from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.wire.view import SEPARATOR, View

HEAD = "氏名,口座番号,郵便番号,マイナンバー,電話番号"
ROW = "鈴木,1234567,100-0005,123456789018,0312345678"
KINDS = ["jp_bank_account", "jp_postal_code", "jp_my_number", "phone"]


def kinds(text: str) -> list[str]:
    return [kind for kind, _ in found(text) if kind != "person"]


@pytest.mark.parametrize("sign", [",", "\t", ";", "|", ", "])
def test_a_value_is_what_the_head_of_its_column_says(sign):
    text = "\n".join(line.replace(",", sign) for line in (HEAD, ROW, ROW))
    assert kinds(text) == KINDS * 2


def test_a_table_in_markdown():
    rule = "|" + "---|" * 5
    rows = ["| " + line.replace(",", " | ") + " |" for line in (HEAD, ROW)]
    assert kinds("\n".join([rows[0], rule, rows[1]])) == KINDS


def test_cells_in_quotes_may_have_what_parts_columns():
    text = 'id,note,口座番号\n7,"三つ, 四つ, 五つ","1234567"'
    assert ("jp_bank_account", "1234567") in found(text)


def test_the_last_column_says_nothing_about_the_first_one():
    assert found("件数,電話番号\n2726548,0312345678") == [("phone", "0312345678")]


def test_a_column_of_documents():
    assert found("name,passport_no\nJane,C12345678") == [("passport", "C12345678")]


def test_a_column_may_say_that_its_numbers_are_nobodys():
    assert kinds("注文番号,担当\n0312345678,鈴木") == []


def test_a_word_right_before_a_value_counts_more_than_the_column():
    assert kinds("氏名,電話番号\n鈴木,口座番号 1234567") == ["jp_bank_account"]


@pytest.mark.parametrize(
    "text",
    [
        "氏名,口座番号\n以上です。\n鈴木,1234567",  # what is between is no row
        "氏名,口座番号を書いてもらったので確認してから返信しておいてくださいね\n鈴木,1234567",  # prose
        "氏名2024,口座番号2025\n鈴木,1234567",  # values, rather
        f"氏名,口座番号\n鈴木{SEPARATOR},1234567",
    ],
)
def test_what_is_no_head_says_nothing(text):
    assert kinds(text) == []


@pytest.mark.parametrize("rows", [3, 40])
def test_a_head_holds_for_rows_that_are_far_below_it(rows):
    row = "鈴木," + "x" * 96 + "\n"
    assert kinds("氏名,口座番号\n" + row * rows + "鈴木,1234567") == ["jp_bank_account"]


def test_a_value_is_found_far_to_the_right():
    head = ",".join(f"項目{each}" for each in "甲乙丙丁" * 30) + ",口座番号"
    assert kinds(f"{head}\n{'abcdefgh,' * 100}" + "," * 20 + "1234567") == ["jp_bank_account"]


@pytest.mark.parametrize("size", [1, 7, 64, 400])
def test_a_stream_knows_the_head_of_the_table_it_is_in(size):
    guardrail = PiiGuardrail({})
    text = "\n".join(["会員の一覧", HEAD, *[ROW] * 30, "", "以上、1234567 です。"])
    link = Link("pii", guardrail, Action.REDACT)
    hold = HoldBack(Chain([link]), Notes(), Placeholders())
    out = "".join(joined(hold.feed(text[at : at + size])) for at in range(0, len(text), size)) + joined(hold.finish())
    expected, at = "", 0
    for each in guardrail.find(View(text)):
        expected += f"{text[at : each.start]}[{each.kind.upper()}]"
        at = each.end
    assert out == expected + text[at:]
    assert out.count("[JP_MY_NUMBER]") == 30


@pytest.mark.parametrize("before", ["", "x" * 500 + "\n", "前文。\n" * 100])
def test_what_stands_before_a_table_changes_nothing(before):
    text = before + HEAD + "\n" + ROW
    at = len(text) - len("0312345678")
    assert tables.label(View(text), at).family == "phone"


@pytest.mark.parametrize("values", ["VALUES", "values\n"])
def test_the_values_of_a_statement_are_what_its_columns_are_called(values):
    text = f"INSERT INTO people (name, bank_account, my_number) {values} ('a, b', '1234567', '123456789018');"
    assert kinds(text) == ["jp_bank_account", "jp_my_number"]
    text = f"INSERT INTO t (id, ssn) {values} (1234567, 536904399), (7654321, 536904398);"
    assert [value for _, value in found(text)] == ["536904399", "536904398"]


@pytest.mark.parametrize(
    "text",
    [
        "(bank_account) VALUES ('some text that is long', '1234567')",
        f"(bank_account) VALUES {SEPARATOR} ('1234567')",
        "INSERT INTO t (id, note) VALUES (1234567, 536904399)",
        "INSERT INTO t (bank_account) VALUES ('some text that is long'); f(1234567)",
    ],
)
def test_what_is_no_statement_or_has_no_such_column_says_nothing(text):
    assert kinds(text) == []


@pytest.mark.parametrize(
    "text",
    ['phone_numbers: ["2125550187", "2125550199"]', "電話番号：0312345678、0698765432", "tel 2125550187, 2125550199"],
)
def test_a_label_stands_before_a_list(text):
    assert kinds(text) == ["phone", "phone"]


@pytest.mark.parametrize("text", ["tel 2125550187 of 5125550199", "口座番号 1234567 残高 7654321"])
def test_but_not_over_other_words(text):
    assert len(kinds(text)) == 1


def test_what_follows_a_statement_is_no_part_of_it():
    assert kinds("INSERT INTO t (id) VALUES (17);\nTel. (510) 765-3085 / Fax") == ["phone"]


@pytest.mark.parametrize("size", [3, 40, 4000])
def test_the_names_of_a_statement_hold_for_all_of_its_rows_in_streams_too(size):
    rows = ",\n".join(f"({at}, 'some text, and more of it', '{536904000 + at}')" for at in range(40, 60))
    text = f"INSERT INTO employees_of_the_company (id, note, ssn, one, two, three, four, five) VALUES\n{rows};\n(60, 'but not here', '536904399')"
    guardrail = PiiGuardrail({"kinds": ["us_ssn"]})
    assert [text[each.start : each.end] for each in guardrail.find(View(text))] == [
        f"5369040{at}" for at in range(40, 60)
    ]
    assert len(streamed(guardrail, text, [size])) == 20
