import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.journal.window import Window


@pytest.fixture
def window_of(tmp_path):
    made = []

    def make(content, block_bytes=8):
        (tmp_path / "f").write_bytes(content)
        made.append(Window.open(tmp_path / "f", block_bytes))
        return made[-1]

    yield make
    for window in made:
        window.close()


def test_a_look_brings_what_is_needed_and_less_only_at_the_end(window_of):
    window = window_of(bytes(range(20)))
    assert bytes(window.view(0, 4))[:4] == bytes(range(4))
    assert len(window.view(2, 15)) >= 15
    assert bytes(window.view(18, 4)) == bytes([18, 19])
    assert bytes(window.view(50, 4)) == b""


def test_a_huge_wish_takes_no_more_memory_than_the_file_has_bytes(window_of):
    assert len(window_of(b"abc").view(0, 2**40)) == 3


def test_what_was_appended_is_seen_without_forgetting(window_of, tmp_path):
    window = window_of(b"abc")
    assert len(window.view(0, 6)) == 3
    with (tmp_path / "f").open("ab") as file:
        file.write(b"def")
    assert bytes(window.view(0, 6)) == b"abcdef"


def test_what_was_rewritten_is_seen_after_forgetting(window_of, tmp_path):
    window = window_of(b"abc")
    window.view(0, 3)
    (tmp_path / "f").write_bytes(b"xyz")
    window.forget()
    assert bytes(window.view(0, 3)) == b"xyz"


@given(st.integers(0, 40), st.integers(0, 45), st.integers(4, 12))
def test_a_pattern_is_found_also_across_blocks(tmp_path_factory, at, start, block):
    path = tmp_path_factory.mktemp("w") / "f"
    path.write_bytes(b"." * at + b"LGW1" + b"." * 7)
    window = Window.open(path, block)
    assert window.find(b"LGW1", start) == (at if start <= at else None)
    window.close()


def test_a_stretch_is_read_block_by_block(window_of):
    window = window_of(bytes(range(20)))
    assert list(window.pieces(1, 11)) == [bytes(range(1, 9)), bytes(range(9, 11))]
    assert b"".join(window.pieces(15, 99)) == bytes(range(15, 20))
