"""Makes text fit for a log line or a terminal: no credentials, no control characters, no endless length. Pure."""

import re
from typing import Final

MAX_CHARS: Final = 4_096
_MASK: Final = "***"

# Credentials as vendors write them, and whatever is called one. Each pattern is linear: no nested repetition.
_SECRETS: Final = (
    re.compile(r"\b(?:sk|pk|rk|gsk|hf|ghp|gho|xai|xoxb|glpat|lgw|llmgw|pplx|r8|nvapi)[-_][A-Za-z0-9_\-]{8,512}"),
    re.compile(r"\b(?:AIza|AKIA|ASIA)[A-Za-z0-9_\-]{12,512}"),
    re.compile(r"\beyJ[A-Za-z0-9_\-]{8,4096}\.[A-Za-z0-9_\-]{1,4096}(?:\.[A-Za-z0-9_\-]{0,4096})?"),
    re.compile(r"(?i)\b(?P<keep>(?:bearer|basic)\s{1,4})[A-Za-z0-9+/=._~\-]{6,4096}"),
    re.compile(
        r"(?i)(?P<keep>\b[\w\-]{0,32}(?:api[_\-]?key|secret|token|passw(?:or)?d|authorization)[\"']?\s{0,4}[=:]\s{0,4}[\"']?)"
        r"(?!bearer\b|basic\b|\*\*\*)[^\s\"',;&]{4,4096}"
    ),
    re.compile(r"(?P<keep>://[^\s/:@]{0,256}:)[^\s/@]{1,512}(?=@)"),
)
# C0, DEL, C1, line and paragraph separators, and what turns the direction of text.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def redact(text: str) -> str:
    """Mask what looks like a credential, wherever it stands."""
    for pattern in _SECRETS:
        text = pattern.sub(_masked, text)
    return text


def one_line(text: str) -> str:
    """Redact, show control characters as escapes, and cut: one line, harmless to a terminal."""
    text = redact(text[: 4 * MAX_CHARS])
    text = _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}…"


def _masked(found: re.Match[str]) -> str:
    return (found["keep"] if "keep" in found.re.groupindex else "") + _MASK
