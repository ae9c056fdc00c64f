"""Whole forms: taken apart only where every parser would take them apart alike, and put together as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.form import read_form, write_form


def part(content=b"c", name=b"a", more=b"", head=b""):
    return b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n%b\r\n%b\r\n' % (name, more, head, content)


def form(*parts):
    return b"".join(parts) + b"--b--\r\n"


@given(st.lists(st.binary(max_size=40).filter(lambda content: b"--b" not in content), min_size=1, max_size=5))
def test_what_is_taken_apart_goes_together_again(contents):
    body = form(*[part(content, b"n%d" % at) for at, content in enumerate(contents)])
    parts = read_form(body, b"b")
    assert [each.content for each in parts] == contents
    assert write_form(parts, b"b").body == body


def test_a_part_says_what_it_is():
    file, field = read_form(
        form(part(more=b'; filename="x.txt"', head=b"Content-Type: text/plain\r\n"), part(name=b"b")), b"b"
    )
    assert (file.name, file.file_name, file.media, file.content) == (b"a", b"x.txt", b"text/plain", b"c")
    assert (field.name, field.file_name, field.media) == (b"b", None, b"")


def test_another_model_takes_the_place_of_its_own():
    body = form(part(), part(b"mine", b"model"), part(b"d", b"e"))
    written = write_form(read_form(body, b"b"), b"b")
    assert written.naming(b"other") == body.replace(b"mine", b"other")
    assert written.naming(None) == body
    assert write_form(read_form(form(part()), b"b"), b"b").naming(b"other") == form(part())


AMBIGUOUS = [
    b"",
    b"--b--\r\nx",
    b"x\r\n" + form(part()),
    form(part())[:-4],
    form(part(head=b"Content-Transfer-Encoding: quoted-printable\r\n")),
    form(part(head=b"Content-Type: multipart/mixed\r\n")),
    form(part(head=b"Content-Type: text/plain; charset=shift_jis\r\n")),
    form(part(head=b"Content-Type: text/plain; charset=utf-8; charset*=utf-7\r\n")),
    form(part(head=b"Content-Type: text/plain;x=charset\r\n")),
    form(part(name=b"_charset_")),
    form(part(more=b"; filename*=UTF-8''x")),
    form(part(), part()),
    form(part(), part(name=b"A")),
    form(part(), part(name=b"%61")),
    form(part(name=b"a[]"), part(name=b"a[]", more=b'; filename="x"')),
    b"--b\r\n\r\nc\r\n--b--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n--b--\r\n',
]


@pytest.mark.parametrize("body", AMBIGUOUS)
def test_what_parsers_might_read_differently_is_refused(body):
    with pytest.raises(GatewayError) as caught:
        read_form(body, b"b")
    assert caught.value.code == "invalid_multipart"


def test_lists_may_come_more_than_once():
    body = form(part(name=b"a[]"), part(name=b"a[]"), part(name=b"c[d]"), part(name=b"c[e]"))
    assert len(read_form(body, b"b")) == 4


def test_a_part_with_the_boundary_in_it_is_not_written():
    (only,) = read_form(form(part(b"x--by")), b"b")
    with pytest.raises(GatewayError):
        write_form([only], b"b")
