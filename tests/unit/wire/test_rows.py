"""Tables: what a value's column is called, however far above, in whole texts and in what a stream keeps of one."""

import random

import pytest

from llmgateway.wire.heads import NOTHING, Above, Hints
from llmgateway.wire.rows import MOST, below, called, has_head, names, tail
from llmgateway.wire.view import SEPARATOR, View, fold

HEAD = "id,name,phone"


def columns(text: str, above: Above = NOTHING) -> list[str]:
    return list(names(View(text, above), len(text)))


@pytest.mark.parametrize("sign", [",", "\t", ";", "|", "│", ", "])
@pytest.mark.parametrize("rows", [1, 3, 400])
def test_the_head_of_a_table_holds_for_all_of_its_rows(sign, rows):
    text = "\n".join([HEAD, *["123,Ann Smith,0312345678"] * rows, "124,Bob,"]).replace(",", sign)
    assert columns(text) == ["phone"]


@pytest.mark.parametrize("rule", ["|---|:--:|--:|", "+----+------+-------+", "├────┼──────┼───────┤"])
def test_lines_between_rows_are_no_rows(rule):
    sign = "│" if "─" in rule else "|"
    table = [rule, "| id | name | phone |", rule, "| 1 | Ann | 0312345678 |", rule, "| 2 | Bob | "]
    assert columns("\n".join(table).replace("|", sign)) == ["phone"]


def test_what_ends_a_table_ends_what_its_head_says():
    for between in ("", "and so on", f"x{SEPARATOR}y,z"):
        assert columns(f"{HEAD}\n1,Ann,0312345678\n{between}\n2,Bob,") == []
    assert columns(f"{HEAD}\n1,Ann,0312345678\nkey\tvalue of\n7\t") == ["value of"]


def test_before_the_head_there_may_be_lines_that_look_like_one():
    assert columns("Hi Bob, see below:\nlast, first, tel\nSmith, Ann, ") == ["tel"]
    rows = ["Dear Bob, hi", "so, here", "name,tel", *["Ann,0312345678"] * 40, "Cy,Dy", "Ann,"]
    assert columns("\n".join(rows)) == ["Dy", "tel", "here", "hi"]


def test_prose_is_no_head():
    assert columns("Yesterday I went to the shop, where I bought three things, two of them red\na,") == []
    assert columns("2026-11-29,12,phone\nAnn,x,") == []


def test_cells_in_quotes_may_have_what_parts_columns_and_prose_is_no_cell():
    assert columns(f'{HEAD}\n"1","Smith, Ann","') == ["phone"]
    assert columns(f"{HEAD}\n1,Ann,who has lived there for years ") == []


def test_a_row_is_looked_at_only_so_far():
    wide = ",".join(f"c{'abc'[at % 3]}" for at in range(600)) + ",phone"
    assert len(wide) < MOST
    row = ",".join(["ab"] * 600)
    assert columns(f"{wide}\n{row},") == ["phone"]
    assert columns(f"{wide}\n{'x' * MOST},,") == []
    assert columns(f"{wide},{wide}\n{row},") == []


def pieces(dice: random.Random) -> str:
    signs = [",", ",", "|", "\t", ", ", "，"]  # noqa: RUF001 - a comma of full width is one
    lines = [HEAD, "a,b", "", "prose without", "---|---", "+--+--+", "1,2,3", "｜名前｜電話｜", "x" * 40 + ",y"]
    text = "\n".join(dice.choice([*lines, dice.choice(signs).join("pq7r")]) for _ in range(dice.randint(1, 9)))
    return text + dice.choice(["", "\n", SEPARATOR]) + dice.choice(["", "Ann,", "1|2|", "x" * 2040 + ",", "1,2,"])


@pytest.mark.parametrize("seed", range(300))
def test_what_is_kept_of_a_text_tells_the_same_as_the_text(seed):
    dice = random.Random(seed)
    text = "".join(pieces(dice) for _ in range(dice.randint(1, 3)))
    whole, above, at = columns(text), NOTHING, 0
    while at < len(text):
        assert columns(text[at:], above) == whole
        end = at + dice.choice([1, 2, 7, 60, 500])
        above, at = below(above, fold(text[at:end])), end
        assert len(above.heads) <= 4
        assert len(above.line) <= MOST + 1


def test_each_line_of_a_view_is_looked_at_once():
    view = View(f"{HEAD}\n" + "1,Ann,0312345678\n" * 500)
    assert [list(names(view, at)) for at in range(20, len(view.text), 7)]
    assert len(view.heads) <= 501


PHONE = Hints("phone", "tel")


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\n1",
        f"Hello.\n{HEAD.upper()}\n1,",
        f"x{SEPARATOR}{HEAD}\n1,",
        f"{SEPARATOR.join(['a,b'] * 9)}\n{HEAD}\n",
        "│ ID │ 氏名 │ phone │\n│ 1",
        f"  {HEAD}\n1",
    ],
)
def test_a_glance_sees_that_a_column_may_be_called_so(text):
    assert has_head(View(text), PHONE)
    assert not has_head(View(text), Hints("mail"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,  # no row below it
        "phone\n1",
        "Your phone number, which you gave us in the letter of May, is wrong\nand so on, and so on",
        f"{HEAD}{SEPARATOR}1,2",
    ],
)
def test_a_glance_sees_that_there_is_no_table(text):
    assert not has_head(View(text), PHONE)


def test_a_glance_knows_of_what_stands_before_the_text():
    assert has_head(View("1,Ann,", below(NOTHING, f"{HEAD}\n")), PHONE)
    assert has_head(View("ne\n1,Ann,", below(NOTHING, "id,name,pho")), PHONE)
    assert has_head(View(",name,phone\n1,Ann,", below(NOTHING, "id")), PHONE)
    assert not has_head(View("1,Ann,", below(NOTHING, f"{HEAD}\n\n")), PHONE)
    assert not has_head(View(",name,phone\n1,Ann,", below(NOTHING, "to all of you who live in our houses" * 9)), PHONE)


def test_whoever_asks_again_is_told_the_same_without_another_look():
    view = View(f"{HEAD}\n1")
    assert has_head(view, PHONE)
    view.said = "mail"
    assert has_head(view, PHONE)
    assert not has_head(view, Hints("phone"))


@pytest.mark.parametrize(("end", "value"), [("Ann", "Ann"), ('"Ann" ', "Ann"), ("Ann,", ""), ("Ann,03", ""), ("", "")])
def test_the_value_that_a_text_ends_in_the_cell_of(end, value):
    text = f"{HEAD}\n1,{end}"
    begin, stop = tail(View(text), lambda names: {names.index("name"): "name"})
    assert text[begin:stop] == value
    assert bool(value) or begin == len(text)


def test_what_a_head_says_of_its_columns_is_asked_once_however_many_rows_there_are():
    asked = []

    def loud(of: tuple[str, ...]) -> dict[int, str]:
        asked.append(of)
        return {at: name.upper() for at, name in enumerate(of)}

    view = View("\n".join([HEAD, *["123,Ann Smith,0312345678"] * 9]))
    told = [each for at in range(len(view.text)) for each in called(view, at, loud)]
    assert told == [each.upper() for at in range(len(view.text)) for each in names(view, at)]
    assert (set(told), asked) == ({"ID", "NAME", "PHONE"}, [tuple(HEAD.split(","))])
