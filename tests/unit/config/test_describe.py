"""What a snapshot means, in plain values."""

from tests.unit.config.conftest import Accept

from llmgateway.config.describe import describe, duration, size
from llmgateway.wire.jsoncodec import decode, encode


def test_durations_and_sizes_read_as_in_the_file() -> None:
    assert [duration(each) for each in (0, 0.1, 3.5, 60, 5_400, 86_400 * 30, 90.5, None)] == [
        "0s", "100ms", "3.5s", "1m", "1h30m", "30d", "1m30.5s", "forever",
    ]  # fmt: skip
    assert [size(each) for each in (0, 1023, 1024, 1536, 16 * 2**20, 2**40, None)] == [
        "0B", "1023B", "1KiB", "1536B", "16MiB", "1TiB", "unlimited",
    ]  # fmt: skip


def test_a_description_tells_shares_order_and_who_may_use_what(accept: Accept) -> None:
    meaning = describe(accept(("weight = 90", "weight = 3"), ("weight = 10", "weight = 1")).snapshot)
    (route,) = meaning["routes"]
    assert [(each["name"], each["share_percent"]) for each in route["versions"]] == [("v1", 75.0), ("v2", 25.0)]
    assert (route["fallback"], route["keys"], route["sticky"]) == (["v1"], ["app"], "none")
    assert meaning["server"]["reach"] == "this machine"
    assert meaning["server"]["keys_required"] is True
    assert [each["first_byte"] for each in meaning["backends"]] == ["2m", "2m"]


def test_a_description_is_json_and_holds_no_hash(accept: Accept) -> None:
    more = '[keys.z]\nhash = "sha256:' + "2" * 64 + '"\nexpires = 2030-12-31\n'
    text = encode(describe(accept(more=more).snapshot)).decode()
    assert "1" * 64 not in text
    assert "2" * 64 not in text
    assert decode(text)["keys"][1]["expires"] == "2030-12-31T00:00:00+00:00"
