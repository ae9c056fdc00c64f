"""Sound in a session's events: found by its place, and no text passes for it."""

import base64

import pytest

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.sound import is_unheard, sounds, taken_out, without_sound

SOUND = base64.b64encode(bytes(range(256))).decode()
SILENCE = base64.b64encode(bytes(200)).decode()
G711 = base64.b64encode(b"\xff" * 200).decode()
OTHER_SILENCE = base64.b64encode(b"\x7f" * 200).decode()


def append(audio, **more):
    return {"type": "input_audio_buffer.append", "audio": audio, **more}


def part(audio, kind="input_audio"):
    return {"item": {"content": [{"type": "input_text", "text": "a"}, {"type": kind, "audio": audio}]}}


@pytest.mark.parametrize(
    ("event", "paths"),
    [
        (append(SOUND), [("audio",)]),
        (part(SOUND), [("item", "content", 1, "audio")]),
        (append("", AUDIO="x"), [("AUDIO",)]),
        ({"session": {"audio": {"output": {"voice": "marin"}}, "modalities": ["audio"]}}, []),
        ({"a": [[{"Audio": "x"}]]}, [("a", 0, 0, "Audio")]),
    ],
)
def test_what_may_be_sound_is_found_wherever_it_is(event, paths):
    assert list(sounds(event)) == paths


@pytest.mark.parametrize(
    "audio", [SOUND, SILENCE, G711, OTHER_SILENCE, SOUND.replace("+", "-").replace("/", "_"), SOUND[:-3]]
)
@pytest.mark.parametrize("make", [append, part])
def test_sound_in_its_place_is_unheard(make, audio):
    event = make(audio)
    (path,) = sounds(event)
    assert is_unheard(event, path)


@pytest.mark.parametrize(
    "event",
    [
        append("short"),
        append("x" * 64),
        append(SOUND[:70] + " and words"),
        append(SOUND + "é"),
        part(SOUND, "input_text"),
        part(SOUND, ["input_audio"]),
        {"audio": SOUND},
        {"type": "input_audio_buffer.append", "Audio": SOUND},
    ],
)
def test_what_is_not_certainly_sound_is_judged(event):
    for path in sounds(event):
        assert not is_unheard(event, path)


@pytest.mark.parametrize("text", ["call me " * 20, "日本語のテキストです" * 9])
def test_a_text_in_the_place_of_sound_is_refused(text):
    event = append(base64.b64encode(text.encode()).decode())
    with pytest.raises(GatewayError) as refused:
        is_unheard(event, ("audio",))
    assert refused.value.code == "guardrail_unsupported"


def test_what_is_taken_out_is_given():
    event = part(SOUND)
    assert taken_out(event, list(sounds(event))) == [SOUND]
    assert event == part("")


def test_an_event_without_its_sound_keeps_all_that_can_be_read():
    assert without_sound(part(SOUND)) == part("")
    assert without_sound(append("a word")) == append("a word")
    assert without_sound({"type": "message", "audio": SOUND}) == {"type": "message", "audio": SOUND}
