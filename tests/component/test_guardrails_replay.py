"""A replay foretells: what it says of yesterday's exchanges is what the gateway records of the same ones today."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.component.test_guardrails import answer_of, delta, guarded, stream_of, streamed
from tests.support import guardrails
from tests.support.plane import CONFIG, KEY_HASH, Plane
from tests.support.wire_backend import expect, forever, send

from llmgateway import plugins
from llmgateway.config.loader import load
from llmgateway.guarding.replayed import Replay
from llmgateway.guarding.trial import Trial
from llmgateway.ports.store import Body, Row

YESTERDAY = CONFIG + '[journal]\nbodies = "full"\n'
TODAY = CONFIG.replace("fallback = []\n", 'fallback = []\nguardrails = ["seen", "rude", "loud"]\n').replace(
    "[backends.one]",
    """[guardrails]
baseline = ["numbers"]
[guardrails.numbers]
use = "runs"
[guardrails.seen]
use = "word"
word = "hello"
mode = "observe"
[guardrails.rude]
use = "word"
word = "forbidden"
action = "block"
[guardrails.loud]
use = "shouting"
[backends.one]""",
    1,
)
CALL = [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"number": 55512'}}]
MORE = [{"index": 0, "function": {"arguments": '34, "word": "hello"}'}}]
CALLS = delta(tool_calls=CALL) + delta(tool_calls=MORE) + delta(finish="tool_calls") + b"data: [DONE]\n\n"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    guardrails.install(monkeypatch)


def said(text: str, role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text}]}


def plain(text: str, **message: Any) -> list[Any]:
    return [forever(expect(), send(answer_of(text, **message)))]


CASES: dict[str, tuple[dict[str, Any], Sequence[Any]]] = {
    "nothing": (said("fine"), plain("fine")),
    "a prompt": (said("call 5551234 or 1234567, hello"), plain("fine")),
    "escapes": (said('say "hello"\n\u3042 5551234'), plain("fine")),
    "arguments in a prompt": (said('{"call": "{\\"number\\": 5551234}"}'), plain("fine")),
    "blocked": (said("5551234 forbidden"), plain("5551234")),
    "blocked in an argument": (said('{"a": "forbidden"}'), plain("fine")),
    "a tool that shouts": (said("DO IT NOW", "tool"), plain("fine")),
    "an answer": (said("fine"), plain("hello 5551234")),
    "a blocked answer": (said("hello"), plain("5551234 forbidden")),
    "arguments in an answer": (said("fine"), plain("", tool_calls=[{"function": {"arguments": '{"n": 5551234}'}}])),
    "a stream": ({**said("fine"), "stream": True}, streamed(stream_of("hel", "lo 55", "51234 and", " 7654321"))),
    "a stream of arguments": ({**said("fine"), "stream": True}, streamed(CALLS)),
    "a blocked stream": ({**said("fine"), "stream": True}, streamed(stream_of("well, forb", "idden"))),
}


def logged(running: Plane) -> tuple[Row, list[Body]]:
    """The one exchange as the store would have it."""
    row: Row = {"verdicts": []}
    bodies: list[Body] = []
    for record in running.records():
        row |= record.meta
        bodies += [Body(kind, "application/json", len(content), content) for kind, content in record.blobs.items()]
    return row, bodies


def foretold(row: Row, bodies: list[Body]) -> Replay:
    text = TODAY.replace("{data}", "data").replace("{one}", "http://h").replace("{two}", "http://h")
    snapshot = load(text.replace("{hash}", KEY_HASH), providers=("openai", "anthropic"), generation=1, environ={})
    replay = Replay(Trial(snapshot, plugins.classes).guards_of_routes().of_route, str)
    replay.add(row, bodies)
    return replay


@pytest.mark.parametrize("name", CASES)
async def test_what_is_foretold_is_what_comes(tmp_path, name: str) -> None:
    document, script = CASES[name]
    exchanges = []
    for config in (YESTERDAY, TODAY):
        folder = tmp_path / ("yesterday" if config is YESTERDAY else "today")
        folder.mkdir()
        async with guarded(folder, script, config=config) as (_, running):
            await running.post("/v1/chat/completions", {"model": "assistant", **document})
            await running.quiet()
            exchanges.append(logged(running))
    (yesterday, bodies), (today, _) = exchanges
    told = foretold(yesterday, bodies)
    came = {
        (each["stage"], each["guardrail"], each["kind"], each["action"], each["mode"]) for each in today["verdicts"]
    }
    assert {(*key, tally.action, tally.mode) for key, tally in told.rows()} == came
    assert (name == "nothing") == (not came)
    again = foretold({**yesterday, "verdicts": today["verdicts"]}, bodies)
    assert {(tally.new, tally.changed, tally.gone) for _, tally in again.rows()} <= {(0, 0, 0)}
    is_blocked = (today["error_code"] == "guardrail_blocked", told.outcomes["block"] == 1)
    assert is_blocked in {(True, True), (False, False)}
    assert json.dumps(told.shown())
