"""What a snapshot means, in plain values."""

from tests.unit.config.conftest import Accept

from llmgateway.config.describe import describe
from llmgateway.wire.jsoncodec import decode, encode


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
