"""A replay in hand: begun after an estimate and a yes, or gone on with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmgateway.cli import gateway
from llmgateway.cli.datasets import asking
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.logs import lines
from llmgateway.cli.replay.books import Books, slow_of
from llmgateway.ports.datasets import DatasetItem
from llmgateway.replaying.runner import Course
from llmgateway.replaying.stopping import Budget, Ended


@dataclass(frozen=True, slots=True)
class Choice:
    dataset: str | None
    route: str | None
    candidate: str | None
    baseline: str | None


@dataclass(slots=True)
class Job:
    """One replay in hand. `done`: it ended before, and is only reported on."""

    replay: dict[str, Any]
    items: list[DatasetItem]
    course: Course
    slow_s: float | None
    done: Ended | None = None


def begun(books: Books, choice: Choice, plan: dict[str, Any], *, is_agreed: bool) -> Job:
    """Estimate, ask, and begin."""

    if choice.dataset is None or choice.route is None or choice.candidate is None:
        fail("say what to compare: --dataset D --route R --candidate V (or --resume ID)", MISUSED)
    dataset = asking.found(books.place, choice.dataset)
    if dataset["content_hash"] is None:
        fail(f"{choice.dataset} was never finished: make a new version", MISUSED)
    versions = {"route": choice.route, "candidate": choice.candidate, "baseline": choice.baseline}
    estimate = books.estimate(dataset, {**versions, "limit": plan["limit"]})
    _say_estimate(estimate, plan["max_cost"])
    gateway.sure(books.place, "Go ahead?", is_agreed=is_agreed)
    items = books.items(dataset, plan["limit"])
    if not items:
        fail("every item of that version was erased", MISUSED)
    plan["slow_s"] = plan["slow_s"] if plan["slow_s"] is not None else slow_of(items)
    plan["expected_usd"] = _per_pair(estimate)
    replay = books.begin(
        {
            "dataset": dataset["name"],
            "dataset_version": dataset["version"],
            "route": choice.route,
            "candidate": estimate["candidate"],
            "baseline": estimate["baseline"],
            "plan": plan,
        }
    )
    course = Course(Budget(plan["max_cost"], plan["expected_usd"]))
    return Job(replay, items, course, plan["slow_s"])


def _per_pair(estimate: Mapping[str, Any]) -> float | None:
    priced = estimate["items"] - estimate["unpriced"]
    return estimate["cost_usd"] / priced if priced > 0 else None


def _say_estimate(estimate: Mapping[str, Any], cap: float | None) -> None:
    notes = lines.notes()
    count = estimate["items"]
    notes.print(
        f"{count:,} items to {estimate['candidate']} and {estimate['baseline']}: {2 * count:,} requests, about "
        f"{estimate['input_tokens']:,} tokens in and {estimate['output_tokens']:,} out, ${estimate['cost_usd']:.4f}"
        + (f", at most ${cap:g}" if cap is not None else "")
    )
    if estimate["unpriced"]:
        notes.print(f"of {estimate['unpriced']:,} items the tokens or the price are not known", style="yellow")


def resumed(books: Books, replay_id: str, max_cost: float | None) -> Job:
    """What is done, and what is left. A higher cap may be given."""

    replay = books.replay(replay_id)
    plan = replay["plan"]
    dataset = {"name": replay["dataset"], "version": replay["dataset_version"]}
    items = books.items(dataset, plan.get("limit"))
    course = Course(Budget(plan.get("max_cost") if max_cost is None else max_cost, plan.get("expected_usd")))
    for pair in books.pairs(replay_id):
        course.add(pair)
    course.budget.spent_usd = max(course.budget.spent_usd, replay["cost_usd"])
    ended = None if replay["ended"] is None else Ended(replay["ended"])
    is_over = ended in {Ended.DONE, Ended.WORSE} or (ended is not None and max_cost is None)
    if ended is not None and not is_over:
        books.end(replay_id, None, None)
    return Job(replay, items, course, plan.get("slow_s"), ended if is_over else None)
