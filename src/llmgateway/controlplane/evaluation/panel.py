"""The evaluators of a configuration, made and ready, and what they say of cases. Pure: nobody is asked here."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from llmgateway.config.evaluating import Evaluator as Definition
from llmgateway.config.evaluating import Keep
from llmgateway.config.snapshot import ANONYMOUS, Snapshot
from llmgateway.controlplane.evaluation.figures import Result
from llmgateway.controlplane.evaluation.identity import run_of
from llmgateway.controlplane.evaluation.sampling import claimed, is_guardrails, is_wanted, place
from llmgateway.domain.exchange import is_of_replay
from llmgateway.domain.ids import named_id
from llmgateway.domain.score import MAX_COMMENT, Score, SourceKind, read_value
from llmgateway.ports.asking import Question
from llmgateway.ports.evaluator import Case, Given, Unknown, asks

log = logging.getLogger(__name__)

Makers = Mapping[str, Callable[[Mapping[str, Any]], Any]]
Said = Sequence[Given] | Sequence[Question] | Unknown | None
"""Scores of a rule, questions of one that asks, or why not; None: the plug-in failed."""


@dataclass(frozen=True, slots=True)
class Member:
    """One evaluator. `plugin` is made with the definition's options; `key` is the name of the key it asks with, and
    `judge` what stands beside its scores where it asks a model.
    """

    definition: Definition
    plugin: Any
    key: str | None = None
    judge: str = ""
    asks: bool = field(init=False, compare=False)  # found out once: it is looked at for each exchange, as the next
    needs_bodies: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        is_asking = asks(self.plugin)
        object.__setattr__(self, "asks", is_asking)
        object.__setattr__(self, "needs_bodies", is_asking or bool(getattr(self.plugin, "needs_bodies", True)))

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def needs_reference(self) -> bool:
        return bool(self.plugin.needs_reference)

    @property
    def needs_primary(self) -> bool:
        """Of a copy: its request is stored with its primary, and what it is compared with is the primary's answer."""
        return self.needs_bodies or self.needs_reference

    @property
    def run(self) -> str:
        """What stands beside its scores: the version of its rules, or who judges."""
        return self.judge or f"{self.plugin.name}-{self.plugin.version}"


class Due(NamedTuple):
    """Who is to look at an exchange."""

    row: Mapping[str, Any]
    members: Sequence[Member]


def panel(snapshot: Snapshot, makers: Makers) -> tuple[Member, ...]:
    """Make the evaluators of a configuration. What can't be made was refused before, or is left out and told."""
    members = []
    for definition in snapshot.evaluators.values():
        try:
            plugin = makers[definition.plugin](definition.options)
        except (LookupError, ValueError) as error:
            log.error("evaluator %s can't be made: %s", definition.name, error)  # noqa: TRY400 - its own sentence
        else:
            judge = run_of(plugin, definition, snapshot) if asks(plugin) else ""
            members.append(Member(definition, plugin, _key(definition, snapshot), judge))
    return tuple(members)


def _key(definition: Definition, snapshot: Snapshot) -> str:
    """Whose exchanges its questions are."""
    if definition.api_key is None or not snapshot.keys:
        return ANONYMOUS.name
    found = snapshot.keys.get(sha256(definition.api_key.reveal().encode()).digest())
    return ANONYMOUS.name if found is None else found.name


def asker(row: Mapping[str, Any], members: Sequence[Member]) -> Member | None:
    """The evaluator whose own question this exchange was: in its name, with its key, to the route that it asks."""
    name = claimed(row)
    if name is None:
        return None
    found = next((each for each in members if each.name == name and each.asks), None)
    is_its = found is not None and row.get("route") == found.plugin.asked and row.get("key") == found.key
    return found if is_its else None


def is_own(row: Mapping[str, Any], members: Sequence[Member]) -> bool:
    """Whether the gateway asked this itself: nobody judges questions of guardrails, evaluators, replays and golden
    rounds, which are no caller's and would be summed up with theirs.
    """
    return is_guardrails(row) or is_of_replay(row) or asker(row, members) is not None


def due(row: Mapping[str, Any], members: Sequence[Member]) -> list[Member]:
    """Who looks at an exchange: by its route and its id; nobody at the gateway's own questions."""
    if is_own(row, members):
        return []
    at = place(row) if any(each.definition.sample < 1 for each in members) else 0.0
    return [
        each
        for each in members
        if at < each.definition.sample
        and is_wanted(row, each.definition)
        and (row.get("shadow_of") is not None or not each.needs_reference)
    ]


def say(member: Member, case: Case) -> Said:
    """What one evaluator says of a case."""
    try:
        return member.plugin.questions(case) if member.asks else member.plugin.evaluate(case)  # type: ignore[no-any-return]  # a plug-in's
    except Exception:
        log.exception("evaluator %s failed at exchange %s", member.name, case.facts.get("id"))
        return None


def result_of(given: Sequence[Given]) -> Result:
    return Result.BAD if any(each.is_bad for each in given) else Result.GOOD


def scores_of(member: Member, row_id: str, given: Sequence[Given], at: float) -> list[Score]:
    """What is written of what it says. BadScoreError where a plug-in's value is no score's."""
    kept = given if member.definition.keep is Keep.ALL else [each for each in given if each.is_bad]
    kind = SourceKind.JUDGE if member.asks else SourceKind.CODE
    return [_score(member, kind, row_id, each, at) for each in kept]


def _score(member: Member, kind: SourceKind, row_id: str, given: Given, at: float) -> Score:
    data_type, value = read_value(given.value)
    return Score(
        # the same rules say the same of it: looked at again, it is the same score
        id=named_id("evaluator", member.name, member.run, row_id, given.name),
        at=at,
        name=given.name,
        data_type=data_type,
        value=value,
        source_kind=kind,
        source_id=member.name,
        exchange_id=row_id,
        run=member.run,
        comment=given.comment[:MAX_COMMENT] if given.comment else None,
    )
