import gzip
import zlib

import pytest

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.inflate import MAX_RATIO, SLACK, STEP, Inflater

TEXT = b"the quick brown fox, " * 50


@pytest.mark.parametrize(("encoding", "packed"), [(b"gzip", gzip.compress(TEXT)), (b"Deflate", zlib.compress(TEXT))])
@pytest.mark.parametrize("size", [1, 5, 10**6])
def test_a_compressed_body_is_read_however_it_is_cut(encoding, packed, size):
    inflater = Inflater(encoding)
    plain = b"".join(inflater.feed(packed[at : at + size]) for at in range(0, len(packed), size))
    assert plain == TEXT
    assert inflater.is_complete


def test_a_cut_body_is_known_to_be_cut():
    inflater = Inflater(b"gzip")
    inflater.feed(gzip.compress(TEXT)[:-4])
    assert not inflater.is_complete


def test_a_bomb_is_refused_before_it_goes_off():
    bomb = gzip.compress(b"\0" * 20_000_000)
    inflater = Inflater(b"gzip")
    with pytest.raises(GatewayError, match="upstream_encoding"):
        inflater.feed(bomb)
    assert inflater._written <= SLACK + 50 * len(bomb)


def test_a_large_piece_of_a_bomb_is_no_more_than_a_small_one():
    bomb = gzip.compress(b"\0" * 200_000_000, 1)
    assert len(bomb) > 10 * STEP
    inflater = Inflater(b"gzip")
    with pytest.raises(GatewayError, match="upstream_encoding"):
        inflater.feed(bomb)
    assert inflater._written <= SLACK + MAX_RATIO * STEP


def test_a_large_piece_that_is_none_comes_out_whole():
    text = b"".join(str(number).encode() for number in range(100_000))
    packed = gzip.compress(text)
    inflater = Inflater(b"gzip")
    assert len(packed) > 10 * STEP
    assert inflater.feed(packed) == text
    assert inflater.is_complete


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip", b"nonsense"])
def test_an_encoding_that_is_not_known_is_refused(encoding):
    with pytest.raises(GatewayError, match="upstream_encoding"):
        Inflater(encoding)


def test_damage_is_refused():
    with pytest.raises(GatewayError, match="upstream_encoding"):
        Inflater(b"gzip").feed(b"not gzip at all")
