"""The ledger tells what it counted without copying what did not change."""

from tests.support.control import row

from llmgateway.controlplane.labels import Labels, Outcome
from llmgateway.controlplane.ledger import Ledger

LABELS = Labels({"chat": ("v1", "v2")}, ("local",))


def test_a_cell_without_traffic_is_not_copied_again() -> None:
    ledger = Ledger(LABELS)
    ledger.commit()
    before, states = ledger.view().cells, ledger.state()["cells"]
    ledger.observe([row()])
    ledger.commit()
    after = ledger.view().cells
    assert after["chat", "v2"] is before["chat", "v2"]
    assert after["chat", "v1"] is not before["chat", "v1"]
    assert [now[2] is then[2] for now, then in zip(ledger.state()["cells"], states, strict=True)] == [False, True]


def test_what_was_told_before_stays_as_it_was() -> None:
    ledger = Ledger(LABELS)
    ledger.observe([row()])
    ledger.commit()
    view, state = ledger.view(), ledger.state()
    text = repr(state)
    ledger.observe([row(1), row(2)])
    ledger.commit()
    assert view.cells["chat", "v1"].count(Outcome.OK, is_stream=True) == 1
    assert repr(state) == text
    assert ledger.view().cells["chat", "v1"].count(Outcome.OK, is_stream=True) == 3


def test_a_failed_transaction_leaves_no_trace_in_what_is_told_next() -> None:
    ledger = Ledger(LABELS)
    ledger.observe([row()])
    saved = ledger.state()
    ledger.observe([row(1)])
    assert ledger.state() != saved
    ledger.restore(saved)
    ledger.commit()
    assert ledger.state() == saved
    assert ledger.view().cells["chat", "v1"].count(Outcome.OK, is_stream=True) == 1
