"""Backends, routes and standings to decide about, without a configuration file or a clock."""

from typing import Any

from llmgateway.config.snapshot import Backend, Balance, HealthRules, Retries, Route, Snapshot, Version
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.balance import Wish
from llmgateway.routing.course import Course
from llmgateway.routing.places import Share
from llmgateway.routing.plan import plan
from llmgateway.routing.select import Choice
from llmgateway.routing.standings import Standings

RULES = HealthRules(consecutive=3, error_share=0.3, min_attempts=10, window_s=10, eject_s=5, eject_max_s=60)
NOW = 1_000.0
DOWN = GatewayError("upstream_unreachable")


def backend(name: str, rules: HealthRules = RULES, **more: Any) -> Backend:
    return Backend(name, "openai", f"http://{name}/v1", health=rules, **more)


class World:
    """One route over some versions, and how one worker stands to their backends.

    World(v1="a b", v2="c") falls back from v1 to v2.
    """

    def __init__(self, balance: Balance = Balance.LEAST_BUSY, share: Share | None = None, **versions: str) -> None:
        self.balance = balance
        self.now = NOW
        self.settings: dict[str, dict[str, Any]] = {}
        self.versions = versions
        self.standings = Standings(self.snapshot(), share)
        self.news: list[dict[str, Any]] = []

    def snapshot(self) -> Snapshot:
        names = dict.fromkeys(name for names in self.versions.values() for name in names.split())
        backends = {name: backend(name, **self.settings.get(name, {})) for name in names}
        made = tuple(
            Version(version, version, tuple(backends[name] for name in names.split()), weight=float(not at))
            for at, (version, names) in enumerate(self.versions.items())
        )
        self.route = Route("r", made, fallback=made[1:], balance=self.balance, retries=Retries(max_attempts=20))
        return Snapshot(1, backends=backends, routes={"r": self.route})

    def configure(self, **settings: dict[str, Any]) -> None:
        """Reload with other settings of some backends."""
        self.settings |= settings
        self.standings.configure(self.snapshot())

    def linked(self) -> None:
        """Control is there, and hears everything."""

        def tell(event: dict[str, Any]) -> bool:
            self.news.append(event)
            return True

        self.standings.tell = tell

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(event["what"], event["backend"]) for event in self.news]

    def wish(self, draw: float = 0.0, affinity: int | None = None, **more: Any) -> Wish:
        return Wish(self.now, lambda: draw, lambda: affinity, **more)

    def course(self, **more: Any) -> Course:
        made = plan(self.route, Choice(self.route.versions[0], 1.0), self.standings.by_name, **more)
        return Course(made, self.standings)

    def fails(self, name: str, times: int = 1, code: str = "upstream_error", **more: Any) -> None:
        for _ in range(times):
            self.standings.report_failure(self.standings[name], GatewayError(code, **more), self.now, is_trial=False)

    def answers(self, name: str, times: int = 1, after_s: float = 0.1) -> None:
        for _ in range(times):
            self.standings[name].ok(self.now - after_s, self.now)

    @property
    def out(self) -> set[str]:
        return {each.backend.name for each in self.standings if each.health.state != "in"}
