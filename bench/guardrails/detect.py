"""Who is measured: guardrails of this package by their names, and Presidio in a process of its own."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from bench.guardrails.labels import Sample
from llmgateway import plugins
from llmgateway.domain.verdict import Finding
from llmgateway.ports.guardrail import Guardrail, OptionError
from llmgateway.wire.view import View

PRESIDIO: Final = "BENCH_PRESIDIO"
WORKER: Final = Path(__file__).parent / "presidio_worker.py"
# Kinds of Presidio that are kinds of ours. Others (dates, links, places) count neither for nor against it.
SAME: Final = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "payment_card",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip_address",
    "US_SSN": "us_ssn",
    "US_PASSPORT": "passport",
    "PERSON": "person",
}
MIN_SCORE: Final = 0.4


class Unavailable(Exception):  # noqa: N818 - nothing went wrong
    """Who was asked for is not there; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in each text, and the mean time of a text in microseconds of CPU."""

    findings: list[list[Finding]]
    us: float


class Detector(Protocol):
    """Anything that finds spans in whole texts."""

    name: str

    def find(self, samples: Sequence[Sample]) -> Found: ...


class Own:
    """Guardrails of this package, one after the other on the same view of a text."""

    def __init__(self, name: str, guardrails: Sequence[Guardrail]) -> None:
        self.name = name
        self._guardrails = guardrails

    def find(self, samples: Sequence[Sample]) -> Found:
        started = time.process_time()
        findings = [self._of(sample.text) for sample in samples]
        return Found(findings, (time.process_time() - started) / max(1, len(samples)) * 1e6)

    def _of(self, text: str) -> list[Finding]:
        view = View(text)
        return [found for guardrail in self._guardrails for found in guardrail.find(view)]


def guardrail(name: str, options: Mapping[str, Any] | None = None) -> Guardrail:
    """Make one; Unavailable where it is not registered or does not take the settings."""
    try:
        made: Guardrail = plugins.load("guardrail", name)(options or {})
    except plugins.PluginError as error:
        raise Unavailable(str(error)) from error
    except OptionError as error:
        raise Unavailable(f"The guardrail {name!r} does not take {error.option}: {error}") from error
    return made


class Presidio:
    """Presidio's analyzer with the settings it comes with, asked line by line."""

    name = "presidio"

    def __init__(self) -> None:
        python = os.environ.get(PRESIDIO)
        if not python:
            raise Unavailable(f"{PRESIDIO} does not name the Python that has presidio-analyzer")
        try:
            self._process = subprocess.Popen(
                [python, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
            )
        except OSError as error:
            raise Unavailable(f"{python} cannot be started: {error}") from error
        hello = self._read()
        if "version" not in hello:
            self.close()
            raise Unavailable(str(hello.get("error", "Presidio's process ended")))
        self.version = hello["version"]

    def find(self, samples: Sequence[Sample]) -> Found:
        findings, seconds = [], 0.0
        for sample in samples:
            reply = self._ask(sample.text)
            seconds += reply["seconds"]
            findings.append(
                [
                    Finding(start, end, SAME[kind], score)
                    for start, end, kind, score in reply["found"]
                    if kind in SAME and score >= MIN_SCORE
                ]
            )
        return Found(findings, seconds / max(1, len(samples)) * 1e6)

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate(timeout=30)

    def _ask(self, text: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"text": text}) + "\n")
        self._process.stdin.flush()
        reply = self._read()
        if "found" not in reply:
            raise Unavailable(str(reply.get("error", "Presidio's process ended")))
        return reply

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        reply: dict[str, Any] = json.loads(line) if line else {}
        return reply
