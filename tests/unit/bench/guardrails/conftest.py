"""Toys stand in for the package's own plug-ins."""

import sys
from types import SimpleNamespace

import pytest
from tests.support import toy_detectors

from llmgateway import plugins


@pytest.fixture
def toys(monkeypatch):
    monkeypatch.setitem(plugins.BUILT_IN, "guardrail", {"pii": f"{toy_detectors.__name__}:ToyGuardrail"})
    monkeypatch.setitem(plugins.BUILT_IN, "judge", {"injection": f"{toy_detectors.__name__}:ToyJudge"})
    monkeypatch.setitem(sys.modules, "llmgateway.ports.judge", SimpleNamespace(Piece=toy_detectors.Piece))
    return toy_detectors
