"""The model in a query: one reading, or none."""

from urllib.parse import parse_qs, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.query import read_query

AMBIGUOUS = [
    b"?model=a&model=b",
    b"?model=a&model=a",
    b"?model=a&Model=b",
    b"?Model=a",
    b"?MODEL=a",
    b"?%6dodel=a",
    b"?model=a&%6Dodel=b",
    b"?model[]=a",
    b"?model%5B%5D=a",
    b"?model[0]=a",
    b"?model.x=a",
    b"?+model=a",
    b"?%20model=a",
    b"?model%00=a",
    b"?%EF%BD%8Dodel=a",  # a full-width m
    b"?model=a;model=b",
    b"?x=1;y=2&model=a",
    b"?model=a%zz",
    b"?x=%&model=a",
    b"?model=a+b",
    b"?model=a=b",
    b"?model=%ff",
    b"?model=a%0d%0ab",
    b"?model=a%00",
    b"?model=",
    b"?model",
]


@pytest.mark.parametrize("query", AMBIGUOUS)
def test_what_two_parsers_might_read_differently_is_refused(query: bytes) -> None:
    with pytest.raises(GatewayError) as refusal:
        read_query(query)
    assert (refusal.value.code, refusal.value.param) == ("invalid_value", "model")


@pytest.mark.parametrize(
    ("query", "model"),
    [
        (b"", None),
        (b"?", None),
        (b"?intent=transcription", None),
        (b"?model=gpt-realtime", "gpt-realtime"),
        (b"?x=1&model=vendor%2Fname%3Afree", "vendor/name:free"),
        (b"?model=vendor/name:free", "vendor/name:free"),
        (b"?model=caf%C3%A9", "café"),
        (b"?models=a&supermodel=b&model_id=c", None),
    ],
)
def test_reads_the_model(query: bytes, model: str | None) -> None:
    assert read_query(query).model == model


@pytest.mark.parametrize(
    ("query", "written"),
    [
        (b"?model=a", "?model=real%2Fone"),
        (b"?x=1&model=a&y=%2F", "?x=1&model=real%2Fone&y=%2F"),
        (b"", "?model=real%2Fone"),
        (b"?x=1", "?x=1&model=real%2Fone"),
        (b"?intent=transcription", "?intent=transcription"),
        (b"?call_id=rtc_1&x=1", "?call_id=rtc_1&x=1"),
    ],
)
def test_the_versions_model_takes_the_callers_place(query: bytes, written: str) -> None:
    assert read_query(query).naming("real/one") == written


def test_without_a_model_of_the_version_the_callers_goes_on_in_one_spelling() -> None:
    assert read_query(b"?model=vendor/%6e%61me&x=~").naming(None) == "?model=vendor%2Fname&x=~"
    assert read_query(b"").naming(None) == ""
    assert read_query(b"?&&x=1&").naming(None) == "?x=1"


@given(st.text(min_size=1, max_size=40), st.text(max_size=20))
def test_what_is_written_reads_back_as_what_was_routed(model: str, other: str) -> None:
    sent = f"?x={quote(other)}&model={quote(model, safe='')}".encode()
    try:
        query = read_query(sent)
    except GatewayError:
        return  # control characters
    assert query.model == model
    assert parse_qs(query.naming(None)[1:])["model"] == [model]
    assert parse_qs(query.naming("b c")[1:])["model"] == ["b c"]


@given(st.text(alphabet="model=&%[]+;MODEL0x5bd.", max_size=30))
def test_no_parser_finds_a_second_model(query: str) -> None:
    try:
        written = read_query(b"?" + query.encode()).naming("routed")
    except GatewayError:
        return
    both = parse_qs(written[1:].replace(";", "&"))  # some take either for a separator
    assert [values for name, values in both.items() if name.casefold().strip() == "model"] == [["routed"]]
