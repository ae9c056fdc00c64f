"""A version is found by its id, the beginning of one, or the route and name that it has in force."""

from typing import Any

import pytest
import typer

from llmgateway.cli import gateway
from llmgateway.cli.versions.found import listed, path_of
from llmgateway.cli.whereabouts import Source

SOURCE = Source(url="http://127.0.0.1:9", token=None, token_env="T")
LINES = [
    {"route": "chat", "name": "v1", "id": "aaaaaaaaaaaa"},
    {"route": "vendor/m-*", "name": "v1", "id": "aaaaaaaaaaaa"},
    {"route": "vendor/m-*", "name": "v2", "id": "aabbbbbbbbbb"},
]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the gateway is asked; it answers a line a page."""
    asked: list[dict[str, Any]] = []

    def get(_: Source, path: str, *, has: str, **query: Any) -> dict[str, Any]:
        assert (path, has) == ("versions", "versions")
        asked.append(query)
        lines = [each for each in LINES if query.get("route") in (None, each["route"])]
        at = int(query["after"] or 0)
        return {"versions": lines[at : at + 1], "next": str(at + 1) if at + 1 < len(lines) else None}

    monkeypatch.setattr(gateway, "get", get)
    return asked


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("aaaaaaaaaaaa", "versions/aaaaaaaaaaaa"),
        ("0123456789ab", "versions/0123456789ab"),
        ("aab", "versions/aabbbbbbbbbb"),
        ("aaa", "versions/aaaaaaaaaaaa"),
        ("chat/v1", "versions/aaaaaaaaaaaa"),
        ("vendor/m-*/v2", "versions/aabbbbbbbbbb"),
        ("longer than an id?", "versions/longer%20than%20an%20id%3F"),
    ],
)
def test_what_people_write_leads_to_one_version(written: str, path: str) -> None:
    assert path_of(SOURCE, written) == path


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("aa", "2 versions begin with aa"),
        ("b", "no versions begin with b"),
        ("", "goes by its id"),
        ("chat/v2", "no version v2 is in force on a route chat"),
        ("/", "no version  is in force"),
    ],
)
def test_what_leads_to_none_or_to_several_is_told(written: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left:
        path_of(SOURCE, written)
    assert left.value.exit_code == 2
    assert says in capsys.readouterr().err


def test_every_page_is_read(asked: list[dict[str, Any]]) -> None:
    assert listed(SOURCE, past=True) == LINES
    assert [each["after"] for each in asked] == [None, "1", "2"]
    assert {each["past"] for each in asked} == {True}
