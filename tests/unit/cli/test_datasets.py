"""`llmgateway datasets show`: what a dataset was made of, as people write it."""

from tests.support.listener import run

AT = 1_790_000_000.0
BUILT = {
    "from": "log",
    "filters": {"route": "chat", "since": AT, "until": None, "shadow": False, "status": "5xx"},
    "seen": 60,
    "left_out": {"duplicate": 3, "no_body": 1},
    "seed": 0,
    "cut": False,
}
FOUND = {"name": "golden", "version": 2, "route": "chat", "items": 1, "erased": 0, "author": "ada", "created_at": AT,
         "content_hash": "ab" * 32, "built": BUILT}  # fmt: skip
ITEM = {"erased_at": None, "stratum": None, "dialect": "openai", "redaction": {"email": 2}, "ordinal": 0}


def test_how_it_was_made_reads_as_it_was_asked_for(listener):
    listener.answers = [(200, {"datasets": [FOUND]}), (200, {"items": [ITEM]}), (200, {"items": []})]
    shown = run(listener, "datasets", "show", "golden")
    assert shown.exit_code == 0, shown.output
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    (filters,) = (line for line in lines if line.startswith("filters"))
    assert filters.startswith("filters route chat, since 2026-")
    assert filters.endswith(", status 5xx")
    assert "left out duplicate 3, no_body 1" in lines
    assert "taken out email 2" in lines
    assert not any("{" in line or "1790000000" in line for line in lines)
