import random

import pytest

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.multipart import MAX_FIELD, MAX_PARTS, FieldScanner, boundary

B = b"----form7"


def part(name: bytes, content: bytes, more: bytes = b"") -> bytes:
    return b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (B, name, more, content)


FILE = part(
    b"file", b"RIFF\r\n--not the boundary\r\n\r\n" + bytes(range(256)), b'; filename="a.wav"\r\nContent-Type: audio/wav'
)
END = b"--" + B + b"--\r\n"


def scan(body: bytes, size: int = 10**9) -> FieldScanner:
    scanner = FieldScanner(B, b"model")
    for at in range(0, len(body), size):
        scanner.feed(body[at : at + size])
    return scanner


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10**9])
@pytest.mark.parametrize("body", [part(b"model", b"whisper-1") + FILE + END, FILE + part(b"model", b"whisper-1") + END])
def test_the_field_is_found_before_and_behind_a_file_however_the_body_is_cut(body, size):
    scanner = scan(body, size)
    assert scanner.value == b"whisper-1"
    assert body[slice(*scanner.span)] == b"whisper-1"
    assert scanner.is_over


def test_random_cuts_make_no_difference():
    body = FILE + part(b"model", b"m") + FILE + END + b"\r\n"
    for seed in range(200):
        cut = random.Random(seed)
        scanner, at = FieldScanner(B, b"model"), 0
        while at < len(body):
            step = cut.randint(1, 40)
            scanner.feed(body[at : at + step])
            at += step
        assert (scanner.value, body[slice(*scanner.span)]) == (b"m", b"m")


def test_a_form_without_the_field_ends_without_a_value():
    scanner = scan(FILE + END)
    assert (scanner.value, scanner.is_over) == (None, True)


def test_an_empty_field_is_empty_and_not_absent():
    assert scan(part(b"model", b"") + END).value == b""


def test_a_field_of_another_name_or_a_name_inside_a_file_is_not_it():
    assert scan(part(b"models", b"x") + part(b"xmodel", b"y") + END).value is None
    assert scan(part(b"file", b'name="model"\r\n\r\nevil') + END).value is None


def test_header_names_may_be_in_any_case_and_names_unquoted():
    body = b"--" + B + b"\r\nCONTENT-DISPOSITION: form-data; name=model\r\n\r\nm\r\n" + END
    assert scan(body).value == b"m"


def test_the_field_twice_is_refused():
    with pytest.raises(GatewayError, match="duplicate_key"):
        scan(part(b"model", b"allowed") + part(b"model", b"forbidden") + END)


def test_every_bound_is_kept():
    with pytest.raises(GatewayError, match="invalid_value"):
        scan(part(b"model", b"m" * (MAX_FIELD + 100)) + END)
    with pytest.raises(GatewayError, match="too many parts"):
        scan(part(b"x", b"") * (MAX_PARTS + 1))
    with pytest.raises(GatewayError, match="headers are too long"):
        scan(b"--" + B + b"\r\n" + b"x" * 10_000)
    scanner = scan(FILE)
    for _ in range(1000):
        scanner.feed(b"-" * 4096)
    assert len(scanner._buffer) < 8192


@pytest.mark.parametrize(
    ("content_type", "found"),
    [(b"multipart/form-data; boundary=abc", b"abc"), (b'multipart/form-data; boundary="a b"', b"a b")],
)
def test_the_boundary_is_read_quoted_or_not(content_type, found):
    assert boundary(content_type) == found


@pytest.mark.parametrize(
    "content_type",
    [b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 71]
    + [b'multipart/form-data; boundary="a\r\nb"', b'multipart/form-data; boundary="ends "'],
)
def test_a_boundary_that_is_none_is_refused(content_type):
    with pytest.raises(GatewayError, match="invalid_multipart"):
        boundary(content_type)


def test_dashes_behind_a_boundary_cost_no_more_than_they_weigh():
    """CVE-2024-8984: ten thousand dashes behind a boundary."""
    with pytest.raises(GatewayError, match="invalid_multipart"):
        scan(b"--" + B + b"-" * 1_000_000)
