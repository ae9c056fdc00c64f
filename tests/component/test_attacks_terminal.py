"""What callers and models wrote, exported to a terminal or a spreadsheet: nothing in it acts."""

import csv
import io
import json

import pytest

from llmgateway.cli.logs.export import csv_writer, jsonl_writer
from llmgateway.cli.logs.printable import json_text
from llmgateway.ports.store import COLUMNS

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\u202edlrow\u2028\u200b\U000e0041\x7f\x08\r\nline"
ROW = {
    **dict.fromkeys(COLUMNS),
    "user": EVIL,
    "tags": {EVIL: EVIL},
    "user_agent": "=cmd|' /C calc'!A0",
    "attempts": [],
    "verdicts": [],
}
ACTIVE = "\x1b\x07\x9b\u202e\u2028\u200b\U000e0041\x7f\x08"


def test_json_lines_mean_the_same_and_hold_nothing_a_terminal_obeys():
    out = io.BytesIO()
    jsonl_writer(out)(ROW)
    text = out.getvalue().decode()
    assert not set(text) & set(ACTIVE)
    assert text.count("\n") == 1
    assert json.loads(text) == ROW


@pytest.mark.parametrize("pretty", [True, False])
def test_json_for_a_terminal_is_the_same_json(pretty):
    text = json_text({"a": [EVIL, "ü漢😀"]}, pretty=pretty)
    assert not set(text) & set(ACTIVE)
    assert json.loads(text) == {"a": [EVIL, "ü漢😀"]}
    assert "ü漢😀" in text


def test_csv_cells_hold_neither_controls_nor_formulas():
    out = io.BytesIO()
    csv_writer(out)(ROW)
    text = out.getvalue().decode()
    assert not set(text) & set(ACTIVE)
    heading, row = csv.reader(io.StringIO(text))
    named = dict(zip(heading, row, strict=True))
    assert named["user_agent"].startswith("'=cmd")
    assert "\n" not in named["user"]
