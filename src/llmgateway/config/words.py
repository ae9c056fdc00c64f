"""What settings of routes and backends mean, in words for people. `describe` has them as values."""

from collections.abc import Iterable
from typing import Any

from llmgateway.config.snapshot import Backend, Balance, HealthRules, Hedge, ProbeKind, Route
from llmgateway.config.written import duration


def balance_in_words(balance: Balance, backends: Iterable[Backend]) -> str:
    """How several backends of a version share its attempts."""
    match balance:
        case Balance.LEAST_BUSY:
            return "the less busy of two drawn ones"
        case Balance.WEIGHTED:
            return "by weight: " + ", ".join(f"{each.name} {each.weight:g}" for each in backends)
        case Balance.ORDERED:
            return "in order: " + ", ".join(each.name for each in backends)
        case Balance.PREFIX:
            return "what begins alike goes to the same one"


def hedge_in_words(hedge: Hedge) -> str:
    """When a second attempt starts beside a slow first one."""
    if hedge.after_s is not None:
        return f"after {duration(max(hedge.after_s, hedge.min_wait_s))}"
    return f"after p{hedge.percentile:g} of first-token times, at least {duration(hedge.min_wait_s)}"


def choosing(route: Route) -> dict[str, Any]:
    """Which of several backends, by version; and hedging."""
    several = [version for version in route.versions if len(version.backends) > 1]
    return {
        "balance": {version.name: balance_in_words(route.balance, version.backends) for version in several},
        "hedge": hedge_in_words(route.hedge) if route.hedge is not None else None,
    }


def limits(backend: Backend) -> str:
    """How many exchanges a backend takes at once, and who may wait."""
    if backend.max_concurrent is None:
        return "none"
    waiting = f"{backend.queue} may wait for {duration(backend.queue_wait_s)}" if backend.queue else "nobody waits"
    return f"{backend.max_concurrent} at once, {waiting}"


def ejection(rules: HealthRules) -> str:
    """What takes a backend out."""
    causes = [
        f"{rules.consecutive} faults in a row",
        f"{100 * rules.error_share:g} % of {rules.min_attempts} or more attempts in {duration(rules.window_s)}",
    ]
    if rules.slow:
        causes.append(f"{rules.slow:g} times slower than its peers")
    return ", ".join(causes)


def probe(rules: HealthRules) -> str:
    """How control asks it by itself whether it is well."""
    if rules.probe is ProbeKind.NONE:
        return "none"
    model = f" of {rules.probe_model}" if rules.probe is ProbeKind.CHAT and rules.probe_model else ""
    return f"{rules.probe.value}{model} every {duration(rules.probe_interval_s)}"
