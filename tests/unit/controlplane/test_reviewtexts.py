"""What a reviewer reads: the stored texts, whatever form they have, and nothing that names a model."""

import pytest
from tests.support.exchanges import ExchangeFactory, copy_of
from tests.support.reviews import item

from llmgateway.controlplane import reviewtexts
from llmgateway.controlplane.reviewtexts import MAX_TEXT, MAX_TEXTS, shown
from llmgateway.ports.store import Body
from llmgateway.store.sqlite import SqliteStore
from llmgateway.wire.jsoncodec import encode


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield store
    await store.close()


async def read(store, request, reply):
    make = ExchangeFactory()
    entry = make.entry()
    entry.bodies = tuple(
        Body(kind, "application/json", 1, content if content is None or isinstance(content, bytes) else encode(content))
        for kind, content in (("request", request), ("reply", reply))
    )
    await store.append([entry], [], [], None)
    return (await shown(store, item(entry.row["id"]))).told()


async def test_messages_come_with_whose_word_they_are(store):
    request = {
        "model": "support",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            },
            {"role": "tool", "content": "42", "tool_call_id": "c1"},
        ],
    }
    reply = {"id": "x", "model": "gpt-secret", "choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
    told = await read(store, request, reply)
    asked = [("system", "Be kind."), ("user", "Hi"), ("tool", "42"), ("other", "[image_url: 1]")]
    assert [tuple(each.values()) for each in told["asked"]] == asked
    assert [tuple(each.values()) for each in told["answer"]] == [("assistant", "Hello")]


async def test_what_is_no_text_is_told_by_its_kind_and_number_alone(store):
    picture = {"type": "input_image", "image_url": "https://example.com/secret.png"}
    content = [{"type": "input_text", "text": "Which of the two?"}, picture, picture, {"type": "whatever"}]
    told = await read(store, {"input": [{"role": "user", "content": content}]}, None)
    assert told["asked"][-1] == {"source": "other", "text": "[input_image: 2]"}


async def test_a_request_without_end_is_looked_at_to_a_bound(store, monkeypatch):
    monkeypatch.setattr(reviewtexts, "MAX_NODES", 10)
    content = [{"type": "text", "text": "x"}] * 50 + [{"type": "image_url"}] * 50
    told = await read(store, {"messages": [{"role": "user", "content": content}]}, None)
    assert told["asked"][-1]["text"] != "[image_url: 50]"


async def test_what_is_not_kept_is_empty(store):
    assert await read(store, None, None) == {"asked": [], "answer": []}
    assert (await shown(store, item("0190a0b0-0000-7000-8000-00000000002a"))).told() == {"asked": [], "answer": []}


async def test_what_is_no_json_is_shown_as_text_without_the_model_s_name(store):
    told = await read(store, b"\xff plain", b'{"model": "gpt-secret", "id":"cmpl-7","choices":[{"text":"cut he')
    assert told["asked"] == [{"source": "other", "text": "\ufffd plain"}]
    assert "gpt-secret" not in told["answer"][0]["text"]
    assert "cmpl-7" not in told["answer"][0]["text"]
    assert "cut he" in told["answer"][0]["text"]


async def test_a_model_that_says_who_it_is_does_not_give_a_pair_away(store):
    make = ExchangeFactory()
    entry, reply = make.entry(response_model="gpt-4.1-2025-04-14"), "I am GPT-4.1 MINI, not {} or (x"
    copy = copy_of(entry, make, response_model="gpt-4.1-mini")
    for each, other in ((entry, "gpt-4.1-mini"), (copy, "gpt-4.1-2025-04-14")):
        content = encode({"choices": [{"message": {"content": reply.format(other)}}]})
        each.bodies = (Body("reply", "application/json", 1, content),)
    await store.append([entry, copy], [], [], None)
    told = (await shown(store, item(entry.row["id"], other_id=copy.row["id"]))).told()
    assert {told[side][0]["text"] for side in ("left", "right")} == {"I am …, not … or (x"}


@pytest.mark.parametrize(
    ("model", "says", "shown_as"),
    [
        ("claude-sonnet-4-5-20250929", "I'm Claude Sonnet 4.5, by Anthropic.", "I'm …, by Anthropic."),
        ("claude-3-5-sonnet@20241022", "Claude 3.5 Sonnet", "…"),
        ("openai/gpt-5-mini-2025-08-07", "GPT\u20115 mini, gpt5mini, openai/gpt-5-mini-2025-08-07", "…, …, …"),
        ("gpt-4.1", "GPT-4.1, and not gpt 4.1.1", "…, and not ….1"),
        ("chat-preview", "a chat", "a chat"),
        ("model-2024-01-01", "a model", "a model"),
    ],
)
async def test_nor_does_one_that_says_it_as_people_do(store, model, says, shown_as):
    make = ExchangeFactory()
    entry = make.entry(response_model=model)
    entry.bodies = (Body("reply", "application/json", 1, encode({"choices": [{"message": {"content": says}}]})),)
    await store.append([entry], [], [], None)
    told = (await shown(store, item(entry.row["id"]))).told()
    assert told["answer"][0]["text"] == shown_as


@pytest.mark.parametrize("model", [None, "", "o1"])
async def test_what_is_too_short_for_a_name_stays(store, model):
    make = ExchangeFactory()
    entry = make.entry(response_model=model)
    await store.append([entry], [], [], None)
    told = (await shown(store, item(entry.row["id"]))).told()
    assert told["answer"][0]["text"] == ("It is on its way. " * 45)


async def test_long_ones_are_cut(store):
    many = [{"role": "user", "content": f"{number}"} for number in range(MAX_TEXTS + 20)]
    told = await read(store, {"messages": many}, {"choices": [{"message": {"content": "x" * (MAX_TEXT + 5)}}]})
    assert [each["text"] for each in told["asked"]] == [str(number) for number in range(20, MAX_TEXTS + 20)]
    assert len(told["answer"][0]["text"]) == MAX_TEXT


@pytest.mark.parametrize("is_swapped", [False, True])
async def test_a_pair_s_answers_stand_where_the_item_says_under_one_request(store, is_swapped):
    make = ExchangeFactory()
    entry = make.entry()
    copy = copy_of(entry, make)
    copy.bodies = (Body("reply", "application/json", 1, encode({"choices": [{"message": {"content": "Copy"}}]})),)
    await store.append([entry, copy], [], [], None)
    told = (await shown(store, item(entry.row["id"], other_id=copy.row["id"], is_swapped=is_swapped))).told()
    assert told["asked"][0]["text"].startswith("Where is my parcel?")
    assert told["left" if is_swapped else "right"] == [{"source": "assistant", "text": "Copy"}]
