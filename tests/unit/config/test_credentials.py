"""A credential does not follow its backend to another address by itself."""

import tomllib

import pytest

from llmgateway.config.credentials import moved, withheld

BEFORE = """
[backends.one]
base_url = "http://old/v1"
api_key = {key}
headers = {{ x-team = "search" }}
[backends.two]
base_url = "http://two/v1"
api_key = "env:TWO"
"""


def document(key='"sk-literal"', url="http://old/v1", more=""):
    text = BEFORE.format(key=key).replace("http://old/v1", url)
    return tomllib.loads(text.replace("[backends.two]", f"{more}\n[backends.two]"))


def refused(before, after, restored=(), confirmed=()):
    return [path for path, _ in withheld(before, after, set(restored), confirmed)]


API_KEY = ("backends", "one", "api_key")


def test_a_masked_literal_does_not_go_along_and_one_that_is_written_out_does():
    after = document(url="http://new/v1")
    assert refused(document(), after, restored=[API_KEY]) == [API_KEY]
    assert refused(document(), after) == []
    assert refused(document(), document('"sk-other"', "http://new/v1")) == []


def test_a_reference_goes_along_only_if_that_is_said():
    before, after = document('"env:ONE"'), document('"env:ONE"', "http://new/v1")
    assert refused(before, after) == [API_KEY]
    assert refused(before, after, confirmed={"two"}) == [API_KEY]
    assert refused(before, after, confirmed={"one"}) == []
    assert refused(before, document('"env:OTHER"', "http://new/v1")) == []


def test_saying_so_does_not_help_a_masked_literal():
    assert refused(document(), document(url="http://new/v1"), [API_KEY], {"one"}) == [API_KEY]


@pytest.mark.parametrize("url", ["http://old/v1", "http://old/v1/"])
def test_the_same_address_is_no_other(url):
    assert refused(document(), document(url=url), restored=[API_KEY]) == []


def test_a_proxy_sees_what_is_sent_too():
    after = document(more='proxy = "http://proxy:3128"')
    assert refused(document(), after, restored=[API_KEY]) == [API_KEY]
    assert list(moved(document(), after)) == [("one", '"proxy"')]


def test_headers_that_let_somebody_in_count_and_others_do_not():
    before = tomllib.loads('[backends.one]\nbase_url = "http://a"\nheaders = { x-api-key = "secret", x-team = "t" }\n')
    after = tomllib.loads('[backends.one]\nbase_url = "http://b"\nheaders = { x-api-key = "secret", x-team = "t" }\n')
    place = ("backends", "one", "headers", "x-api-key")
    assert refused(before, after, restored=[place, ("backends", "one", "headers", "x-team")]) == [place]


def test_no_credential_no_question():
    before = tomllib.loads('[backends.one]\nbase_url = "http://a"\n')
    assert refused(before, tomllib.loads('[backends.one]\nbase_url = "http://b"\n')) == []
    assert refused(before, tomllib.loads('[backends.one]\nbase_url = "http://b"\napi_key = "env:NEW"\n')) == []


def test_a_file_that_is_odd_is_left_to_the_schema():
    assert refused({"backends": [1]}, {"backends": {"one": 3}}) == []


def test_the_reason_says_what_to_do():
    (fault,) = withheld(document('"env:ONE"'), document('"env:ONE"', "http://new"), set(), set())
    assert "given again in the same change" in fault[1]
    assert "credentials=one" in fault[1]
