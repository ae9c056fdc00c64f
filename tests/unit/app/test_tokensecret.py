"""The secret in the data folder: one for all processes, whoever comes first, and nobody else's to read."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from llmgateway.app.tokensecret import NAME, kept_secret


def test_it_is_made_once_and_for_this_user_alone(tmp_path):
    secret = kept_secret(tmp_path)
    assert len(secret) == 32
    assert kept_secret(tmp_path) == secret
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_processes_that_start_at_once_have_the_same(tmp_path):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        found = set(pool.map(kept_secret, [tmp_path] * 12))
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_file_that_is_too_short_is_no_secret(tmp_path):
    (tmp_path / NAME).write_bytes(b"short")
    with pytest.raises(OSError, match="too short"):
        kept_secret(tmp_path)
