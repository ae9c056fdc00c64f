"""What is counted of an exchange, also while another thread still counts."""

from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.notes import Notes


class Counting:
    """A link whose guardrail finds something more whenever somebody asks for its name."""

    version = "1"
    action, mode = Action.REDACT, Mode.ENFORCE

    def __init__(self, notes):
        self.guardrail = self
        self._notes = notes

    @property
    def name(self):
        self._notes.counts[Counting(self._notes), Stage.REQUEST, "more"] = 1
        return "counting"


def test_what_is_found_meanwhile_does_not_cost_the_record():
    notes = Notes()
    notes.counts[Counting(notes), Stage.REQUEST, "kind"] = 1
    assert [each["kind"] for each in notes.rows()] == ["kind"]
