"""Port for evaluators: what looks at an exchange that is over and says how its answer was.

To add one: write `evaluators/<name>.py` with a class that has these members, name it under "evaluator" in `plugins.py`
(or in the entry-point group `llmgateway.evaluator` of your own package), and add
`tests/fixtures/evaluators/<name>.json`, exchanges with what must be said of them; the contract suite then runs over it.

An evaluator is made once for each definition in the configuration, with that table's own settings. It does no I/O,
keeps nothing between calls, never gives a stranger's text to a backtracking engine, and is quick: the rules of a busy
gateway look at every exchange. It sees what is stored: what guardrails took out before that is not there. What it can't
judge it does not guess: it says why.

One that must ask a model is an AskingEvaluator: it says what is asked and what an answer means, and the gateway asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from llmgateway.domain.score import Value
from llmgateway.ports.asking import Question
from llmgateway.ports.judge import Piece


class Why(StrEnum):
    """Why nothing is said of an exchange."""

    NOT_SAMPLED = "not_sampled"  # its id is outside the evaluator's share
    BACKLOG = "backlog"  # more came than could be looked at
    COST_CAP = "cost_cap"  # today's money, or today's questions, are used up
    NO_ANSWER = "no_answer"  # there is none: it ended before
    NOT_KEPT = "not_kept"  # the store has no more than a hash of it
    CUT = "cut"  # the store has only its beginning
    NO_JSON = "no_json"  # a file, a form, audio
    NO_REFERENCE = "no_reference"  # no answer of the stable version to compare with
    NO_BASELINE = "no_baseline"  # too little traffic so far to know what is usual
    NOT_ASKED_FOR = "not_asked_for"  # the request did not ask for what is judged
    TOO_SHORT = "too_short"  # to tell anything
    UNCLEAR = "unclear"  # what is wanted can't be told from the request
    CALLER = "caller"  # the caller left, or asked for something that can't be
    ON_TRIAL = "on_trial"  # who answered the judge's question is the candidate of a rollout, and not this judge
    OTHER = "other"  # a reason of a plug-in's own


@dataclass(frozen=True, slots=True)
class Case:
    """An exchange as an evaluator sees it. Of what is not stored, `unseen` says why it is not there.

    `facts`: the row as `ports.store` names its columns. `prompt`: the request's texts, with whose word each is.
    `answer`: what the model says in it, all choices' texts together; None: not known. `refused`: the words of a refusal
    that has a member of its own. `reference`: on a shadow's copy, what the stable version said to the same request.
    `usual`: of each of the evaluator's `measures`, the route's frozen 95th percentile, as far as it is known.
    """

    facts: Mapping[str, Any]
    request: Mapping[str, Any] | None = None
    reply: Mapping[str, Any] | None = None
    prompt: Sequence[Piece] = ()
    answer: str | None = None
    refused: str = ""
    unseen: Why = Why.NO_ANSWER
    reference: str | None = None
    usual: Mapping[str, float] = field(default_factory=dict)


class Given(NamedTuple):
    """One score. `is_bad`: whoever counts faults counts this one."""

    name: str
    value: Value
    is_bad: bool = False
    comment: str | None = None


class Unknown(NamedTuple):
    """Nothing can be said, and why."""

    why: Why


class Evaluator(Protocol):
    """Judges by rules."""

    name: str
    version: str  # of its rules: stands beside every score as its `run`, so change it when they change
    gives: Sequence[str]  # the names of its scores
    needs_bodies: bool  # whether it looks at what was said; the facts alone cost less
    needs_reference: bool  # whether it compares: it is asked about shadows' copies only
    measures: Sequence[str]  # columns of the row whose usual size it wants to know

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the definition's settings; OptionError for what is unknown or wrong."""
        ...

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        """Judge one exchange; always the same of the same."""
        ...


class AskingEvaluator(Protocol):
    """Judges by asking a route of this gateway."""

    name: str
    version: str
    gives: Sequence[str]
    needs_reference: bool
    asked: str  # the route's name
    rubric: str  # which rules the model is given: a version of the operator's own, or a digest

    def __init__(self, options: Mapping[str, Any]) -> None: ...

    def questions(self, case: Case) -> Sequence[Question] | Unknown:
        """What to ask, one after the other, the same bytes for the same exchange."""
        ...

    def opinion(self, answers: Sequence[bytes]) -> Sequence[Given]:
        """What the bodies of successful answers say, one for each question; OpinionError where they say nothing."""
        ...


def asks(plugin: object) -> bool:
    """Whether it must ask somebody."""
    return hasattr(plugin, "questions")
