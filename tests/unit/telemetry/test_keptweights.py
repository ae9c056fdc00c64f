"""The weights of rollouts on disk: what was kept is read, and nothing that is not whole."""

import pytest

from llmgateway.telemetry.keptweights import kept
from llmgateway.telemetry.wholefile import write_whole


def test_what_was_kept_last_is_read_and_others_may_not_read_it(tmp_path):
    path = tmp_path / "weights.json"
    write_whole(path, b'{"name":"a","routes":{}}')
    write_whole(path, b'{"name":"b","routes":{"chat":{"weight":0.2}}}')
    assert kept(path) == {"name": "b", "routes": {"chat": {"weight": 0.2}}}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["weights.json"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"name":"a"', b"\xff"])
def test_what_is_none_is_nothing(tmp_path, content):
    path = tmp_path / "weights.json"
    if content is not None:
        path.write_bytes(content)
    assert kept(path) == {}


def test_where_it_can_not_be_kept_what_was_there_stays(tmp_path):
    path = tmp_path / "weights.json"
    write_whole(path, b"{}")
    (tmp_path / "weights.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(path, b'{"name":"b"}')
    assert path.read_bytes() == b"{}"
