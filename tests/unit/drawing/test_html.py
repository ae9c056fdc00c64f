"""What is no HTML of ours is a text, wherever it stands."""

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.drawing.html import Html, join, tag


@given(st.text(), st.text())
def test_texts_and_attributes_never_become_markup(text, value):
    made = tag("p", text, title=value)
    inner = made.removeprefix('<p title="').removesuffix("</p>")
    attribute, _, content = inner.partition('">')
    assert not {"<", ">", '"'} & set(attribute)
    assert not {"<", ">", '"'} & set(content)


def test_what_is_html_already_stays_as_it_is():
    assert tag("p", tag("b", "<"), " & ", Html("<br>")) == "<p><b>&lt;</b> &amp; <br></p>"
    assert join("<", tag("br")) == "&lt;<br>"
    made = tag("input", type="text", required=True, disabled=False, id=None, class_="x", data_to="y", value=3)
    assert made == '<input type="text" required class="x" data-to="y" value="3">'
