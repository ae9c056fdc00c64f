"""Items out of exchanges and out of lines; there and back they are the same."""

import json

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.ports.datasets import MAX_ITEM_BYTES
from llmgateway.ports.store import Body
from llmgateway.replaying.items import BadItemError, ContentHash, LeftOutError, item_of, line_item, read_item, shown
from llmgateway.wire.jsoncodec import encode

REQUEST = b'{"model":"support", "messages":[{"role":"user","content":"caf\\u00e9 1.0"}]}'


def row(**changes):
    return ExchangeFactory().row(operation="chat.completions", **changes)


def bodies(request=REQUEST, reply=b'{"choices":[]}', **changes):
    return [
        Body("request", "application/json", len(request), request)._replace(**changes),
        Body("reply", "application/json", len(reply), reply),
    ]


def test_an_exchange_makes_an_item_with_its_lineage_and_how_it_went():
    logged = row()
    item = item_of(logged, bodies(), "v1")
    assert (item.exchange_id, item.dialect, item.path, item.stratum) == (
        logged["id"], "openai", "/v1/chat/completions", "v1",
    )  # fmt: skip
    assert (item.request, item.reply) == (REQUEST, b'{"choices":[]}')
    assert item.facts["cost_usd"] == 0.25
    assert "error_code" not in item.facts


def test_what_was_taken_out_of_the_request_is_kept_in_mind():
    def verdict(**changes):
        return {"kind": "pii.email", "stage": "request", "mode": "enforce", "action": "redact"} | changes

    verdicts = [
        verdict(),
        verdict(kind="pii.phone", mode="observe"),
        verdict(kind="pii.iban", stage="reply"),
        verdict(kind="other", action="flag"),
    ]
    assert item_of(row(verdicts=verdicts), bodies(), None).redaction == ("pii.email",)


@pytest.mark.parametrize(
    ("reason", "changes", "found"),
    [
        ("operation", {"operation": "embeddings"}, bodies()),
        ("operation", {"method": "GET"}, bodies()),
        ("operation", {"path": ""}, bodies()),
        ("erased", {"erased_at": 1.0, "path": None}, []),
        ("no_body", {}, []),
        ("no_body", {}, bodies(content=None)),
        ("truncated", {}, bodies(is_truncated=True)),
        ("not_json", {}, bodies(request=b"[1]")),
        ("effects", {}, bodies(request=b'{"input":"x","tools":[{"type":"web_search"}]}')),
        ("too_large", {}, bodies(request=b'{"a":"' + b"x" * MAX_ITEM_BYTES + b'"}')),
    ],
)
def test_what_makes_no_item_is_left_out_with_its_reason(reason, changes, found):
    logged = row()
    logged.update(changes)
    with pytest.raises(LeftOutError) as caught:
        item_of(logged, found, None)
    assert caught.value.reason == reason


def test_a_line_comes_back_as_the_same_item_byte_for_byte():
    item = item_of(row(), bodies(), "v1")
    assert line_item(encode(shown(item)), 0) == item


def test_a_plain_request_is_enough():
    line = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    item = line_item(line, 7)
    assert (item.ordinal, item.dialect, item.path) == (7, "openai", "/v1/chat/completions")
    assert line_item(b'{"request": {"input": "hi"}}', 0).path == "/v1/responses"
    assert line_item(b'{"request": {"prompt": "hi"}}', 0).path == "/v1/completions"
    assert line_item(b'{"request": {"messages": []}, "path": "/v1/messages"}', 0).dialect == "anthropic"


def test_what_was_erased_stays_away():
    assert line_item(b'{"exchange_id": "x", "request": null, "erased_at": 5.0}', 0) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "no JSON"),
        (b"[1]", "no JSON object"),
        (b'{"request": 7}', "request has to be an object"),
        (b'{"request": "text"}', "request has to be a JSON object"),
        (b'{"reply": "x"}', "request has to be"),
        (b'{"request": {"input": "x"}, "path": "http://elsewhere/x"}', "path"),
        (b'{"request": {"input": "x", "background": true}}', "hosted tools"),
        (b'{"request": {"input": "x"}, "stratum": "\\u001b[2J"}', "stratum"),
        (b'{"request": {"input": "x"}, "redaction": [1]}', "redaction"),
        (b'{"request": {"input": "x"}, "facts": 3}', "facts"),
        (b'{"request": {"input": "x"}, "cost": 3}', "no member 'cost'"),
    ],
)
def test_a_bad_line_is_refused_with_the_reason(line, said):
    with pytest.raises(BadItemError, match=said):
        line_item(line, 0)


def test_facts_that_are_no_facts_are_dropped():
    item = read_item({"request": {"input": "x"}, "facts": {"cost_usd": 1, "key": ["a"], "other": 1, "status": 200}}, 0)
    assert item.facts == {"cost_usd": 1, "status": 200}


def test_the_content_hash_is_of_requests_and_their_order_alone():
    one, other = (line_item(json.dumps({"request": {"input": text}}).encode(), 0) for text in "ab")

    def told(*items):
        whole = ContentHash()
        whole.add(items)
        return whole.told()

    assert told(one, other) == told(one, other) != told(other, one)
    whole = ContentHash()
    whole.add([one])
    whole.add([other])
    assert whole.told() == told(one, other)
