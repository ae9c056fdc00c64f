"""Secrets in streams, private keys that are longer than what may wait, and the guardrail's settings."""

import json
from pathlib import Path

import pytest
from tests.support.made_up import Dice

from llmgateway.guardrails.secrets import pem
from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.guardrails.secrets.scan import RUN, TOKEN, Scan
from llmgateway.guardrails.secrets.strength import is_password, is_random, is_token, is_uuid, is_varied, variety
from llmgateway.ports.guardrail import MAX_OPEN, REACH, OptionError
from llmgateway.wire.unseen import UNSEEN
from llmgateway.wire.view import CONTEXT, SEPARATOR, View

FIXTURE = Path(__file__).parents[2] / "fixtures" / "guardrails" / "secrets.json"
TEXTS = [text for text, _ in json.loads(FIXTURE.read_text())[0]["texts"]]
DICE = Dice(3)
GUARD = Secrets({})


def found(text: str) -> list[str]:
    return [text[each.start : each.end] for each in GUARD.find(View(text))]


def whole(text: str) -> str:
    """The text with what was found replaced by its kind."""
    out, at = [], 0
    for each in GUARD.find(View(text)):
        out += [text[at : each.start], f"<{each.kind}>"]
        at = each.end
    return "".join(out) + text[at:]


class Stream:
    """A stream's redaction as simple as it can be: what is not settled waits, what is too long is swallowed."""

    def __init__(self) -> None:
        self.out, self.before, self.held, self.swallows, self.most = "", "", "", None, 0

    def feed(self, delta: str) -> None:
        if self.swallows:
            delta = self._swallow(delta)
        self.held += delta
        view, base = View(self.before + self.held), len(self.before)
        cut = GUARD.settled(view, base)
        self._release(view, base, cut)
        self.most = max(self.most, len(self.held))

    def end(self) -> str:
        view, base = View(self.before + self.held), len(self.before)
        at = base
        for each in GUARD.find(view, base):
            self.out += view.text[at : each.start] + f"<{each.kind}>"
            at = each.end
        return self.out + view.text[at:]

    def _swallow(self, delta: str) -> str:
        """What is left of the delta; the last swallowed characters tell whether the secret was whole already."""
        last = self.before[-CONTEXT:]
        size = max(0, GUARD.continues(self.swallows, last + delta) - len(last))
        self.before = (self.before + delta[:size])[-REACH:]
        if size < len(delta):
            self.swallows = None
        return delta[size:]

    def _release(self, view: View, base: int, cut: int) -> None:
        at, size = base, len(view.text)
        for each in GUARD.find(view, base):
            is_too_long = each.end == size and size - cut > MAX_OPEN
            if each.start < cut or is_too_long:
                self.out += view.text[at : each.start] + f"<{each.kind}>"
                at = each.end
                if each.start >= cut:
                    cut, self.swallows = at, each.kind
        self.out += view.text[at:cut]
        self.before, self.held = view.text[max(0, cut - REACH) : cut], view.text[cut:]


def streamed(pieces: list[str]) -> str:
    stream = Stream()
    for piece in pieces:
        stream.feed(piece)
    return stream.end()


@pytest.mark.parametrize("longest", [1, 3, 9, 50, 400])
@pytest.mark.parametrize("at", [at for at, text in enumerate(TEXTS) if "OPENSSH" not in text])
def test_a_stream_says_what_the_whole_text_says(at, longest):
    text = f"Before. {TEXTS[at]}\n\nAnd after, 以上です。"
    assert streamed(DICE.pieces(text, longest)) == whole(text)


@pytest.mark.parametrize("longest", [1, 3, 9, 50, 400])
def test_a_key_without_an_end_takes_a_word_of_what_follows_at_most(longest):
    body = DICE.pem().partition("\n-----END")[0].rpartition("\n")[0]
    told = streamed(DICE.pieces(f"{body}\n\nNothing more of it.", longest))
    assert told.startswith("<secret.private_key>")
    assert told.endswith("more of it.")


@pytest.mark.parametrize("round_", range(40))
def test_so_it_does_with_several_texts_in_a_row(round_):
    terminated = [text for text in TEXTS if "OPENSSH" not in text]
    text = "\n\n".join(Dice(round_).pick(terminated, 3))
    assert streamed(Dice(round_).pieces(text, 12)) == whole(text)


def test_prose_waits_for_its_last_word_only():
    stream = Stream()
    for piece in DICE.pieces("The model answers a question about the weather in Berlin. " * 20, 5):
        stream.feed(piece)
    assert stream.most <= len("question") + 5


def test_japanese_waits_for_nothing():
    view = View("今日は天気がよいので、散歩に行きました")
    assert GUARD.settled(view) == len(view.text)


def test_a_run_that_is_nothing_waits_no_longer_than_allowed():
    for text in ("x" * 5000, "a/b=" * 1000, "(" * 900, "password=" * 200):
        assert len(text) - GUARD.settled(View(text)) <= MAX_OPEN or found(text)[-1:] == [text[-len(found(text)[-1]) :]]


@pytest.mark.parametrize(
    "name",
    [
        "RSA PRIVATE KEY",
        "PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "DSA PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ],
)
@pytest.mark.parametrize("gap", ["\n", "\r\n", "\\n", "\\r\\n", " "])
@pytest.mark.parametrize("lines", [1, 4, 25])
def test_a_private_key_is_found_whole(name, gap, lines):
    key = DICE.pem(name, lines, gap)
    assert found(f"Here: {key} and more.") == [key]
    assert found(f'"{key}"') == [key]


def test_a_private_key_with_headers():
    headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n\n"
    key = DICE.pem().replace("KEY-----\n", "KEY-----\n" + headers, 1)
    assert found(f"x\n{key}\ny") == [key]


def test_a_private_key_of_another_program():
    key = DICE.pem("PGP PRIVATE KEY BLOCK")
    assert found(f"x\n{key}\ny") == [key]


@pytest.mark.parametrize("longest", [1, 2, 3, 9, 60])
@pytest.mark.parametrize("last", [4, 11, 40])
def test_the_sum_below_a_key_of_pgp_belongs_to_it(longest, last):
    key = DICE.pem("PGP PRIVATE KEY BLOCK", lines=8)
    body, end = key.rsplit("\n", 2)[0], key.rpartition("\n")[2]
    key = f"{body}\n{DICE.of(last)}\n={DICE.of(4)}\n{end}"
    assert found(f"x\n{key}\ny") == [key]
    assert streamed(DICE.pieces(f"x\n{key}\nThanks", longest)) == "x\n<secret.private_key>\nThanks"


def test_a_private_key_without_an_end_goes_as_far_as_its_base64():
    key = DICE.pem().partition("\n-----END")[0]
    assert found(key) == [key]
    body = key.rpartition("\n")[0]
    assert found(f"{body}\nThat was it, and no more.") == [body]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY----- is the first line of such a file.",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n<your key>\n-----END PRIVATE KEY-----",
        DICE.pem("PUBLIC KEY"),
        DICE.pem("CERTIFICATE"),
    ],
)
def test_what_is_no_private_key(text):
    assert found(text) == []


def test_an_open_private_key_waits_from_its_beginning():
    key = DICE.pem()
    for size in (11, 20, 31, 34, 60, 200):
        assert GUARD.settled(View("x " + key[:size])) == 2


def test_a_private_key_that_is_whole_waits_for_nothing():
    text = "x " + DICE.pem()
    assert GUARD.settled(View(text)) == len(text)
    assert pem.is_closed(Scan(View(text)))
    assert not pem.is_closed(Scan(View(text[:-1])))


@pytest.mark.parametrize("gap", ["\n", "\\n"])
def test_the_rest_of_a_private_key_is_known_from_any_place(gap):
    key = DICE.pem(lines=8, gap=gap)
    for cut in range(MAX_OPEN, len(key)):
        rest = key[cut:]
        assert GUARD.continues(pem.KIND, f"{rest}\nThanks, bye.") == len(rest), rest


def test_what_follows_a_private_key_is_no_part_of_it():
    assert GUARD.continues(pem.KIND, ", and so on") == 0
    assert GUARD.continues(pem.KIND, " it is") == 0
    assert GUARD.continues(pem.KIND, "。次に") == 0


def test_the_rest_of_a_token_is_what_it_may_consist_of():
    assert GUARD.continues("secret.openai", "abc-DEF_1 next") == 9
    assert GUARD.continues("secret.openai", "です") == 0
    assert GUARD.continues("secret.openai", "") == 0


def test_a_token_too_long_to_wait_is_found_at_once_and_swallowed():
    stream, token = Stream(), "sk-" + DICE.of(3000)
    for piece in DICE.pieces(f"Use {token} please", 40):
        stream.feed(piece)
    assert stream.most <= MAX_OPEN + 40
    assert stream.end() == "Use <secret.openai> please"


def test_what_a_secret_consists_of_keeps_a_text_open():
    assert set(TOKEN) < set(RUN)
    assert not set("\"'` \n\t") & set(RUN)


def test_question_marks_are_told_from_other_scripts():
    assert found("password: a?b9xQ1z か？") == ["a?b9xQ1z"]
    assert found("パスワードは hunter2？") == ["hunter2"]


def test_only_the_kinds_asked_for_are_found():
    token = "ghp_" + DICE.of(36)
    text = f"{token} and password: hunter2"
    only = Secrets({"kinds": ["secret.github"]})
    assert [each.kind for each in only.find(View(text))] == ["secret.github"]
    assert len(GUARD.find(View(text))) == 2


@pytest.mark.parametrize("kinds", [[], "secret.github", ["secret.nothing"], [3], {"a": 1}])
def test_kinds_that_there_are_not_are_refused(kinds):
    with pytest.raises(OptionError) as raised:
        Secrets({"kinds": kinds})
    assert raised.value.option == "kinds"


def test_an_unknown_setting_is_refused_by_name():
    with pytest.raises(OptionError, match="threshold") as raised:
        Secrets({"threshold": 1})
    assert raised.value.option == "threshold"


def test_finding_from_a_place_on_gives_the_same_as_finding_in_all():
    text = " ".join(TEXTS)
    every = GUARD.find(View(text))
    for start in range(0, len(text), 97):
        assert GUARD.find(View(text), start) == [each for each in every if each.start >= start]


@pytest.mark.parametrize(
    ("value", "takes"),
    [
        (b"hunter2", {is_password}),
        (b"my-secret-token-1", {is_password, is_varied}),
        (DICE.of(32).encode(), {is_password, is_token, is_random, is_varied}),
        (b"xxxxxxxxxxxxxxxx", set()),
        (b"aaaabbbb1111", set()),
        (b"password", set()),
        (b"get_secret()", set()),
        (b"$DB_PASSWORD", set()),
        (b"/run/secrets/db", set()),
        (b"111222", set()),
        (b"123456", {is_password}),
        (b"739201", {is_password}),
        (b"bGovI!kfAVc", {is_password}),
        (b"MpVX+!*cffkv%", {is_password, is_token, is_random}),
        (b"ywlKjgZroisN", {is_password, is_token, is_random}),
        (b"CQKhsnYbpwXFUAIPcj22NIimslzbUfzc", {is_password, is_token, is_random, is_varied}),
        (b"confirmPassword", set()),
        (b"strUserInput", set()),
        (b"btnSubmit", set()),
        (b"MySQLdbConnection", set()),
        (b"XMLHttpRequest", set()),
    ],
)
def test_what_is_strong_enough_for_what(value, takes):
    judges = {is_password, is_token, is_random} | ({is_varied} & takes)
    assert {each for each in judges if each(value)} == takes


def test_variety_counts_what_is_different():
    assert variety(b"") == 0
    assert variety(b"aab") == 2
    assert variety(bytes(range(64)) + b"zzzz") == 64


def test_identifiers():
    assert is_uuid(DICE.uuid().encode())
    assert not is_uuid(DICE.of(36).encode())


def hidden(text: str, dice: Dice) -> str:
    """The text with characters that nobody sees inside of it."""
    for each in dice.pick(list(UNSEEN), 4):
        at = len(dice.pick(list(dice.pieces(text, len(text))), 1)[0])
        text = text[:at] + each + text[at:]
    return text


@pytest.mark.parametrize("unseen", list(UNSEEN))
@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("use ghp_16C7e42F292c6912E7710c838347Ae178B4a.", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        ("my password: Tr0ub4dor&3horse", "Tr0ub4dor&3horse"),
        ("postgres://app:s3cr3t-Xy9@db/main", "s3cr3t-Xy9"),
        ("鍵はAKIAQ3EGRZ7BXTKW5NPVです", "AKIAQ3EGRZ7BXTKW5NPV"),
    ],
)
def test_what_nobody_sees_hides_nothing(text, secret, unseen):
    for at in range(text.index(secret) + 1, text.index(secret) + len(secret)):
        told = text[:at] + unseen + text[at:]
        assert found(told) == [secret[: at - text.index(secret)] + unseen + secret[at - text.index(secret) :]]


def test_a_word_that_names_a_secret_may_hide_too():
    assert found("my pass\u200bword: Tr0ub4dor&3horse") == ["Tr0ub4dor&3horse"]


def test_the_characters_themselves_are_nothing():
    assert found("\u200b" * 40 + "家族👨\u200d👩\u200d👧と hello\u200bworld soft\u00adhyphen") == []


@pytest.mark.parametrize("round_", range(60))
def test_a_stream_says_the_same_of_what_hides(round_):
    terminated = [text for text in TEXTS if "OPENSSH" not in text]
    text = f"Before. {hidden(Dice(round_).pick(terminated, 1)[0], Dice(round_))}\n\nAnd after, 以上です。"
    for longest in (1, 3, 9, 50):
        assert streamed(Dice(round_).pieces(text, longest)) == whole(text)


def test_a_key_that_breaks_off_goes_to_its_text_s_end_whatever_stands_beside():
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75m0n\nabcdEFGH1234\n"
    for text in (key, key.rstrip(), key + "-----", key + "-----EN", key + "-----END RSA"):
        assert found(text) == found(text + SEPARATOR + "and so on") == [text]


PARTS = (
    *(
        "password",
        "Password: ",
        "the pw is ",
        " is ",
        " was ",
        " to ",
        " or ",
        " and ",
        " as ",
        " at the ",
        "to log in",
    ),
    *(
        " account ",
        "(",
        ")",
        "'",
        '"',
        ". ",
        "! ",
        "? ",
        "\n",
        ", ",
        " -> ",
        " / ",
        "new: ",
        "the new one is ",
        " still ",
    ),
    *("Tom: ", "Tom  3:15 PM\n", "パスワード", "は", "「", "」", "。", " と ", "から", "ログイン", "認証コード", "が"),
    *(
        "のままです",
        "verification code",
        " PIN ",
        " is your ",
        "backup codes: ",
        "Cookie: sid=",
        "; ",
        "secret",
        "api key",
    ),
    *("admin/", "root:", "</td><td>", "https://a.test/a?key=", "\u200b", "482913", "4821", "**", "鍵", "公開鍵 "),
)


@pytest.mark.parametrize("round_", range(150))
def test_a_stream_says_the_same_of_sentences_put_together_by_chance(round_):
    dice = Dice(round_)
    values = [dice.of(11), dice.of(24), "Falcon!2024x", "tundra-otter-lemon", "k3f9q-w2m7x", "mary2024"]
    text = "".join(dice.pick([*PARTS, *values, *values], 12))
    assert streamed(dice.pieces(text, 1 + round_ % 7)) == whole(text)
