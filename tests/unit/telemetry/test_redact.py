"""Nothing that looks like a credential and nothing that moves a cursor gets into a line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.telemetry.redact import MAX_CHARS, one_line, redact


@pytest.mark.parametrize(
    "text",
    [
        "key sk-proj-canaryCANARY1234 refused",
        "sk-ant-api03-canary_canary-1234",
        "gsk_canarycanary",
        "AIzaSyCanaryCanaryCanary",
        "AKIACANARYCANARY1234",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnY2FuYXJ5",
        "Authorization: Bearer canary-canary",
        "authorization=Basic Y2FuYXJ5OmNhbmFyeQ==",
        'x-api-key: "canary-canary"',
        "{'api_key': 'canarycanary'}",
        "password=canary-canary&x=1",
        "OPENAI_API_KEY=canary-canary",
        "postgres://user:canary@db/x",
        "client_secret = canarycanary",
    ],
)
def test_credentials_are_masked_wherever_they_stand(text):
    shown = redact(f"before {text} after")
    assert "canary" not in shown.lower()
    assert "y2fuYXJ5".lower() not in shown.lower()
    assert shown.startswith("before ")
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        "exchange 0190a0b0-0000-7000-8000-000000000001 ended",
        "tokens=12 input_tokens: 345",
        "config.toml:3: keys.team.token: is missing",
        "http://127.0.0.1:8080/v1/models",
        "the task sk failed",
    ],
)
def test_what_operators_need_to_read_stays(text):
    assert one_line(text) == text


def test_a_line_stays_one_line_and_harmless():
    assert one_line("a\nb\x1b[31mc\u2028\u202e\x00\x9b\ud800") == (
        "a\\u000ab\\u001b[31mc\\u2028\\u202e\\u0000\\u009b\\ud800"
    )


@given(st.text(max_size=300))
def test_no_text_whatever_breaks_a_line(text):
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown


def test_length_is_bounded_and_long_input_is_no_work():
    started = time.perf_counter()
    for text in ("a" * 10**7, "token" * 10**6, "eyJ" * 10**6, "://" * 10**6, "bearer " * 10**6):
        assert len(one_line(text)) <= MAX_CHARS + 1
    assert time.perf_counter() - started < 5
