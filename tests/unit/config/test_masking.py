"""Nothing that is shown holds a secret that stands in the file, and what was shown can be handed back."""

import tomllib
from pathlib import Path

import pytest

from llmgateway.config import masking
from llmgateway.config.masking import CHANGED, MASK, UnmaskableError, masked, masked_document, places, unmasked, written

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
CANARY = "sk-canary-0123456789"
TEXT = f"""
# the old one was {CANARY}
[admin]
token = "{CANARY}-admin"   # of the admin
[backends.one]
provider = "openai"
base_url = "http://h/v1"   # here
api_key = "{CANARY}"
headers = {{ authorization = "Bearer {CANARY}", x-team = "file:team" }}
[backends.two]
api_key = "env:TWO" # kept
# api_key = "another-old-secret"
# api_key = "env:OLD"
"""

FORMS = {
    "a table": f'[backends.one]\napi_key = "{CANARY}"\n',
    "an inline table": f'backends = {{ one = {{ api_key = "{CANARY}" }} }}\n',
    "a dotted key": f'backends.one.api_key = "{CANARY}"\n',
    "a dotted key in a table": f'[backends]\none.api_key = "{CANARY}"\n',
    "a literal string": f"[backends.one]\napi_key = '{CANARY}'\n",
    "many lines": f'[backends.one]\napi_key = """\n{CANARY}"""\n',
    "a quoted name": f'[backends."o.n#e"]\n"api_key" = "{CANARY}"\n',
    "escapes": '[backends.one]\napi_key = "sk-\\u0063anary-0123456789"\n',
    "tables out of order": f'[backends.one]\nprovider = "x"\n[routes.a]\n[backends.one.headers]\nx = "{CANARY}"\n',
    "windows lines": f'[backends.one]\r\napi_key = "{CANARY}"\r\n',
    "a header of no renown": f'[backends.one]\nheaders = {{ x-thing = "{CANARY}" }}\n',
}


def test_the_schema_says_what_is_secret() -> None:
    assert {("admin", "token"), ("backends", "*", "api_key"), ("backends", "*", "headers", "*")} <= set(places())


@pytest.mark.parametrize("form", FORMS)
def test_a_literal_is_masked_however_it_is_written(form: str) -> None:
    shown = masked(FORMS[form])
    assert "anary" not in shown
    assert MASK in shown
    assert "anary" not in str(masked_document(tomllib.loads(FORMS[form])))


@pytest.mark.parametrize("form", FORMS)
def test_what_was_shown_can_be_handed_back(form: str) -> None:
    text, restored, faults = unmasked(masked(FORMS[form]), FORMS[form])
    assert tomllib.loads(text) == tomllib.loads(FORMS[form])
    assert (len(restored), faults) == (1, [])


def test_all_else_stays_as_people_wrote_it_and_comments_are_looked_into() -> None:
    shown = masked(TEXT)
    assert "canary" not in shown
    assert "another-old-secret" not in shown
    assert "# the old one was ***\n" in shown
    assert f'token = "{MASK}"   # of the admin\n' in shown
    assert 'base_url = "http://h/v1"   # here\n' in shown
    assert 'x-team = "file:team"' in shown
    assert 'api_key = "env:TWO" # kept\n' in shown
    assert '# api_key = "env:OLD"\n' in shown


def test_a_text_without_secrets_is_shown_to_the_letter() -> None:
    assert masked(EXAMPLE.read_text()) == EXAMPLE.read_text()


def test_a_hash_in_a_value_is_no_comment_and_nothing_but_secrets_is_masked() -> None:
    text = f'[backends.one]\napi_key = "{CANARY}"\n[routes.a]\nsalt = "a # {CANARY}"\n'
    shown = tomllib.loads(masked(text))
    assert shown["backends"]["one"]["api_key"] == MASK
    assert shown["routes"]["a"]["salt"] == f"a # {CANARY}"


def test_a_diff_shows_that_a_literal_is_another_one_without_showing_either() -> None:
    shown = masked(TEXT.replace(f'api_key = "{CANARY}"', 'api_key = "sk-new-9876543210"'), TEXT)
    assert f'api_key = "{CHANGED}"' in shown
    assert "9876543210" not in shown


def test_a_mask_where_nothing_is_known_is_a_fault_with_its_path() -> None:
    handed_back = masked(TEXT).replace("[backends.two]", f'[backends.new]\napi_key = "{MASK}"\n[backends.two]')
    text, restored, faults = unmasked(handed_back, TEXT)
    assert [path for path, _ in faults] == [("backends", "new", "api_key")]
    assert len(restored) == 3
    assert CANARY in text


def test_a_reference_is_not_filled_in_for_a_mask() -> None:
    """What the mask stood for was a literal; the file has been changed since."""
    _, _, faults = unmasked('[backends.two]\napi_key = "***"\n', TEXT)
    assert [path for path, _ in faults] == [("backends", "two", "api_key")]


@pytest.mark.parametrize("text", ["no toml", '[backends.one]\napi_key = "x', "a = 1\na = 2"])
def test_what_is_no_toml_is_not_shown(text: str) -> None:
    with pytest.raises(UnmaskableError):
        masked(text)


def test_an_edit_that_went_wrong_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking.tomlkit, "dumps", lambda _: TEXT)
    with pytest.raises(UnmaskableError):
        written(TEXT, {("backends", "one", "api_key"): MASK})
