"""What beside the body stands in answers of the admin listener."""

from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from llmgateway.controlplane.replies import CONFIG_HEADER, DATA_HEADER, whose_headers


@pytest.mark.parametrize("folder", ["/etc/llm gateway", "/home/ルート", "/mnt/\udcff\udce9", "/tmp/a\nb%2F"])
def test_whose_gateway_it_is_can_be_told_whatever_its_paths_are_made_of(folder):
    told = whose_headers(Path(folder, "config.toml"), Path(folder))
    assert all(each.isascii() and each.isprintable() for each in told.values())
    assert unquote_to_bytes(told[CONFIG_HEADER]) == bytes(Path(folder, "config.toml"))
    assert unquote_to_bytes(told[DATA_HEADER]) == bytes(Path(folder))


def test_paths_are_told_from_the_root_on_and_no_file_is_none():
    assert whose_headers(None, Path("data")) == {DATA_HEADER: str(Path("data").absolute())}
