"""As Markdown the same is said, and nobody's words become Markdown of ours."""

import pytest
from tests.support.reports import HOSTILE, made, route_report, traffic

from llmgateway.report.markdown import plain, render_markdown
from llmgateway.report.service import service_of


@pytest.mark.parametrize("language", ["en", "ja"])
def test_tables_have_as_many_cells_in_every_row(language):
    service = service_of([traffic(served=HOSTILE, assigned=HOSTILE)], [], [], [])
    text = render_markdown(made(route_report(service=service)), language)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows
    widths = [line.replace("\\|", "").count("|") for line in rows]
    breaks = [at for at, line in enumerate(rows) if set(line) <= set("|-:")]
    for at, end in zip(breaks, [*(each - 1 for each in breaks[1:]), len(rows)], strict=True):
        assert len(set(widths[at - 1 : end])) == 1, rows[at - 1 : end]


def test_what_people_wrote_is_no_markdown():
    text = render_markdown(made())
    assert "<script" not in text.replace("\\<script", "")
    assert "\n# heading" not in text
    assert "](javascript" not in text.replace("\\]", "")
    assert text.count("\n# ") + text.startswith("# ") == 1


def test_a_text_stays_one():
    assert plain("a|b*c\n<d>") == "a\\|b\\*c \\<d\\>"
