import sys

import pytest
from bench.guardrails import detect
from bench.guardrails.detect import Own, Presidio, Unavailable, guardrail
from bench.guardrails.labels import Sample

from llmgateway.domain.verdict import Finding

SAMPLES = [Sample("ann@example.com", (), "en", "mail"), Sample("nothing", (), "en", "mail")]
WORKER = """
import json, sys
print(json.dumps({"version": "9.9"}), flush=True)
for line in sys.stdin:
    text = json.loads(line)["text"]
    found = [[0, len(text), "EMAIL_ADDRESS", 1.0], [0, 3, "DATE_TIME", 1.0], [0, 2, "PERSON", 0.2]] if "@" in text else []
    print(json.dumps({"found": found, "seconds": 0.5}), flush=True)
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    def use(text):
        path = tmp_path / "worker.py"
        path.write_text(text)
        monkeypatch.setattr(detect, "WORKER", path)
        monkeypatch.setenv(detect.PRESIDIO, sys.executable)

    return use


def test_own_guardrails_are_asked_one_after_the_other(toys):
    own = Own("both", [guardrail("pii"), guardrail("pii", {"kind": "mail"})])
    found = own.find(SAMPLES)
    assert found.findings == [[Finding(0, 15, "email"), Finding(0, 15, "mail")], []]
    assert found.us > 0


def test_a_guardrail_that_is_not_there_is_told():
    with pytest.raises(Unavailable, match="no-such-guardrail"):
        guardrail("no-such-guardrail")


def test_a_setting_that_is_not_taken_is_told(toys):
    with pytest.raises(Unavailable, match="nonsense"):
        guardrail("pii", {"nonsense": 1})


def test_presidios_kinds_are_ours_where_there_are_such_and_unsure_ones_are_left_out(worker):
    worker(WORKER)
    presidio = Presidio()
    assert presidio.version == "9.9"
    found = presidio.find(SAMPLES)
    assert found.findings == [[Finding(0, 15, "email", 1.0)], []]
    assert found.us == 500_000
    presidio.close()


def test_who_is_not_installed_is_told(worker):
    worker('print(\'{"error": "there is no presidio"}\')')
    with pytest.raises(Unavailable, match="there is no presidio"):
        Presidio()


def test_who_dies_is_told(worker):
    worker("")
    with pytest.raises(Unavailable, match="ended"):
        Presidio()


def test_nobody_is_started_whom_nobody_named(monkeypatch):
    monkeypatch.delenv(detect.PRESIDIO, raising=False)
    with pytest.raises(Unavailable, match="BENCH_PRESIDIO"):
        Presidio()
    monkeypatch.setenv(detect.PRESIDIO, "/no/such/python")
    with pytest.raises(Unavailable, match="cannot be started"):
        Presidio()
