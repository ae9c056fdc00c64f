"""Durations and sizes as the file has them."""

from llmgateway.config.written import duration, size


def test_durations_and_sizes_read_as_in_the_file() -> None:
    assert [duration(each) for each in (0, 0.1, 3.5, 60, 5_400, 86_400 * 30, 90.5, None)] == [
        "0s", "100ms", "3.5s", "1m", "1h30m", "30d", "1m30.5s", "forever",
    ]  # fmt: skip
    assert [size(each) for each in (0, 1023, 1024, 1536, 16 * 2**20, 2**40, None)] == [
        "0B", "1023B", "1KiB", "1536B", "16MiB", "1TiB", "unlimited",
    ]  # fmt: skip
