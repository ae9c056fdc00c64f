"""How each evaluator is: for the admin API and people."""

from collections.abc import Mapping
from typing import Any

from llmgateway.config.snapshot import Snapshot, Version
from llmgateway.controlplane.evaluation.evaluation import Evaluation
from llmgateway.controlplane.evaluation.family import family_of
from llmgateway.controlplane.evaluation.figures import Figures, Result
from llmgateway.controlplane.evaluation.panel import Member
from llmgateway.domain.score import Value
from llmgateway.ports.store import StoreReader
from llmgateway.rollout.trust import alike, standing


async def shown(evaluation: Evaluation, store: StoreReader, snapshot: Snapshot, now: float) -> list[dict[str, Any]]:
    """Every evaluator in force: its settings, what it has done, and how far a judge is trusted. StoreError."""
    return [
        _settings(each)
        | _done(each, evaluation.figures or Figures(), now)
        | await _asking(each, evaluation, store, snapshot, now)
        for each in evaluation.members
    ]


def _settings(member: Member) -> dict[str, Any]:
    definition, plugin = member.definition, member.plugin
    return {
        "name": member.name,
        "plugin": definition.plugin,
        "run": member.run,
        "scores": list(plugin.gives),
        "routes": list(definition.routes) or None,
        "sample": definition.sample,
        "keep": definition.keep.value,
    }


def _done(member: Member, figures: Figures, now: float) -> dict[str, Any]:
    last = figures.last_success.get(member.name)
    return {
        "runs": {each.value: figures.runs.get((member.name, each.value), 0) for each in Result},
        "skipped": {why: count for (name, why), count in figures.skipped.items() if name == member.name},
        "last_success_at": last,
        "silent_s": None if last is None else max(0.0, now - last),
    }


async def _asking(
    member: Member, evaluation: Evaluation, store: StoreReader, snapshot: Snapshot, now: float
) -> dict[str, Any]:
    if not member.asks:
        return {"asks": None}
    figures = evaluation.figures or Figures()
    spent, definition = figures.copy().today(member.name, now), member.definition
    pairs = [pair for name in member.plugin.gives for pair in await store.labelled(name, member.name, member.run)]
    return {
        "asks": {
            "route": member.plugin.asked,
            "waiting": evaluation.asking.waiting(member.name),
            "cost_today_usd": spent.cost,
            "questions_today": spent.questions,
            "daily_cost": definition.daily_cost,
            "daily_questions": definition.daily_questions,
            "cost_usd": figures.cost.get(member.name, 0.0),
        },
        "agreement": agreement(pairs),
        "families": families(member, snapshot),
    }


def agreement(pairs: list[tuple[Value, Value]]) -> dict[str, Any]:
    """How far a judge agrees with people, and what its word may do."""
    found = standing(pairs)
    same = sum(judge == person for judge, person in alike(pairs))
    return {
        "labels": found.labels,
        "agree": same / found.labels if found.labels else None,
        "kappa": found.kappa,
        "trust": found.rung.value,
    }


def families(member: Member, snapshot: Snapshot) -> Mapping[str, Any]:
    """Whose model judges, and which versions are of the same family: it may favour those."""
    asked = snapshot.routes.get(member.plugin.asked)
    own = sorted({found for each in asked.versions if (found := _family(each))}) if asked is not None else []
    judged = [
        f"{route.name}/{version.name}"
        for route in snapshot.routes.values()
        if route.name != member.plugin.asked
        and (not member.definition.routes or route.name in member.definition.routes)
        for version in route.versions
        if _family(version) in own
    ]
    return {"judge": own, "same": judged}


def _family(version: Version) -> str | None:
    return family_of(version.model)
