"""Rollouts as metrics: points by metric's name. Counted from what the last look has read; nothing is asked for."""

from collections.abc import Iterator, Mapping, Sequence

from llmgateway.controlplane.catalogue import ROLLOUTS
from llmgateway.controlplane.labels import OTHER, Labels
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.rollout.counts import total
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.readings import readings
from llmgateway.rollout.rollout import State

Point = tuple[Sequence[str], float]
Points = dict[str, list[Point]]


def figures(
    running: Mapping[str, Running],
    evidence: Mapping[str, Evidence],
    moves: Mapping[tuple[str, str, str], int],
    labels: Labels,
) -> Points:
    """All of them but the ticks. `moves`: by route, target and event."""
    points: Points = {name: [] for name in ROLLOUTS}
    for route, each in sorted(running.items()):
        if (label := labels.route(route)) == OTHER:
            continue  # beyond the cap of routes: states and shares of several can't be added up
        rollout = each.rollout
        points["rollout_weight_ratio"].append(((label, each.record.candidate), rollout.weight))
        points["rollout_state"] += [((label, state.value), float(state is rollout.state)) for state in State]
        if (known := evidence.get(each.record.id)) is not None:
            for name, values, figure in _analysis(label, each, known):
                points[name].append((values, figure))
    sums: dict[tuple[str, str, str], int] = {}
    for (route, target, cause), count in moves.items():
        key = (labels.route(route), target, cause)
        sums[key] = sums.get(key, 0) + count
    points["rollout_transitions"] = [(key, count) for key, count in sorted(sums.items())]
    return points


def _analysis(label: str, each: Running, known: Evidence) -> Iterator[tuple[str, tuple[str, ...], float]]:
    rollout = each.rollout
    read = readings(rollout.plan, known, srm_from=rollout.srm_from, accepted=rollout.accepted)
    yield "srm_log_evalue", (label,), read.srm
    for metric in read.metrics:
        name = metric.metric.name
        yield "analysis_log_evalue", (label, name, "harm"), metric.harm
        yield "analysis_log_evalue", (label, name, "no_harm"), metric.safe
        if name in known.said:
            yield "analysis_log_evalue", (label, name, "said"), metric.said
        for kind, epochs in (("analysis_units", known.units), ("analysis_bad_units", known.bad)):
            for arm, count in total(epochs.get(name, {}))._asdict().items():
                yield kind, (label, name, arm), count
