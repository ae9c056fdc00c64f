"""Passwords that a shell hands to a program, and what it hands on that is none."""

import pytest

from llmgateway.guardrails.secrets import piped
from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.ports.guardrail import MAX_OPEN
from llmgateway.wire.view import SEPARATOR, View

GUARD = Secrets({})
COMMANDS = [
    'echo "{}" | docker login -u mary21 --password-stdin',
    "echo {}|sudo -S apt update",
    "x && echo -n '{}' | sudo passwd --stdin mary21",
    "printf '%s' '{}' | helm registry login reg.test -u mary21 --password-stdin",
    'printf "{}\\n" | vncpasswd -f',
    "echo 'mary21:{}' | chpasswd",
    "$ echo mary21:{} | sudo chpasswd",
]


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in GUARD.find(View(text))]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("password", ["Winter2025?x", "c0rrect-H0rse14"])
def test_what_a_program_takes_is_a_password(command, password):
    text = command.format(password)
    assert found(text) == [("secret.password", password)]
    for cut in range(len(text)):
        settled = GUARD.settled(View(text[:cut]))
        assert not text.index(password) < settled < text.index(password) + len(password)
        assert [each for each in found(text[:settled]) if each not in found(text)] == []


def test_it_waits_until_the_program_is_named():
    start = len('echo "')
    for rest in ('"', '" ', '" | ', '" | doc', '" | docker logi', '" | sudo'):
        assert piped.opening(View(f'echo "c0rrectH0rse14{rest}')) == start
    for rest in ('" | docker ps', '" > file', '" and', '"   '):
        text = f'echo "c0rrectH0rse14{rest}'
        assert piped.opening(View(text)) == len(text)
    assert piped.opening(View(f"echo c0rrectH0rse14{SEPARATOR} | ")) == len("echo c0rrectH0rse14") + 4


def test_nothing_waits_for_ever():
    for size in (16, 64, 65, 200, 400):
        text = f"echo {'a1B2c3D4' * size}"[: size + 5] + " | sudo "
        assert len(text) - GUARD.settled(View(text)) <= MAX_OPEN


@pytest.mark.parametrize(
    "text",
    [
        'echo "$PASSWORD" | docker login',
        "echo ${{ secrets.TOKEN1 }} | docker login",
        "echo version1.2.3 | sudo tee /etc/version",
        "echo hello | sudo -S true",
        "echo build2026x | sha256sum",
        f"echo c0rrectH0rse14{SEPARATOR} | chpasswd",
        "gecho c0rrectH0rse14 | chpasswd",
        "echo c0rrectH0rse14\n| chpasswd",
        "echo " + "a1B2c3D4" * 9 + " | chpasswd",
    ],
)
def test_what_is_echoed_elsewhere_is_none(text):
    assert found(text) == []
