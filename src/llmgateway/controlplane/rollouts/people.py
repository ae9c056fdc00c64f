"""What people do with rollouts: start, pause, resume, approve, promote, roll back. `Control.rollouts`."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from llmgateway.config.rollouts import REGRESSION, RolloutPolicy
from llmgateway.config.snapshot import Route, Snapshot, Version
from llmgateway.controlplane.refused import RefusedError, ever_a_route, route_named
from llmgateway.controlplane.rollouts import policy as policies
from llmgateway.controlplane.rollouts.conductor import Act, Conductor
from llmgateway.controlplane.rollouts.policy import Slow
from llmgateway.controlplane.rollouts.preflight import Checked, Contenders, Preflight, told, written
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.domain.clock import Clock
from llmgateway.domain.exchange import is_of_replay
from llmgateway.domain.quantile import quantile
from llmgateway.ports.paging import pages
from llmgateway.ports.rollouts import MAX_APPROVALS, MAX_SEEN, ApprovalRecord, RolloutRecord
from llmgateway.ports.store import Row, Store, StoreError, StoreRejectedError, Wanted
from llmgateway.rollout.explain import refusal
from llmgateway.rollout.guards import Lack, moment
from llmgateway.rollout.rollout import MUST_SEE, TERMINAL, Rollout, State
from llmgateway.rollout.states import TABLE, Event, Refused, awaited, lacking

BASELINE: Final = 1_000  # of the stable version's exchanges, the last ones
MAX_LOOK: Final = 20 * BASELINE  # exchanges that are looked through for those, the newest
MIN_BASELINE: Final = 20  # fewer say nothing about a 95th percentile
BASELINE_P: Final = 95.0


class Rollouts:
    """Each method raises RefusedError, with a sentence for whoever asked, or StoreError."""

    def __init__(
        self,
        store: Store,
        conductor: Conductor,
        snapshot: Callable[[], Snapshot],
        clock: Clock,
        judges: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._store = store
        self._conductor = conductor
        self._snapshot = snapshot
        self._clock = clock
        self._judges = judges
        self._preflight = Preflight(store)
        self._starting = asyncio.Lock()

    async def known(self, route: str) -> None:
        """Do nothing if there is or was such a route."""
        await ever_a_route(self._snapshot(), route, self._store)

    def found(self, route: str) -> Running:
        """The route's rollout that runs."""
        try:
            return self._conductor.running[route]
        except KeyError:
            if (lost := self._conductor.lost.get(route)) is not None:
                raise RefusedError(409, "rollout_unreadable", lost.told) from None
            route_named(self._snapshot(), route)
            raise RefusedError(404, "rollout_not_found", f"No rollout runs on the route {route}.") from None

    async def start(self, route: str, author: str, reason: str, waiver: str = "") -> Running:
        """Begin what the route's table says. `waiver`: why it may do so without a replay that it needs.

        One after the other: of two at once the second finds the first on its way.
        """
        async with self._starting:
            return await self._started(route, author, reason, waiver)

    async def _started(self, route: str, author: str, reason: str, waiver: str) -> Running:
        table = route_named(self._snapshot(), route)
        if table.rollout is None:
            raise RefusedError(422, "not_configured", f"The configuration has no [routes.{route}.rollout].")
        candidate, stable = compared(table, table.rollout)
        if route in self._conductor.running or route in self._conductor.lost:
            may_replace(self.found(route), candidate.id)
        try:
            slow = await self._slow(table, table.rollout, stable)
            policy = policies.of_config(table.rollout, slow, self._judges())
        except ValueError as error:
            raise RefusedError(422, "not_possible", f"The plan makes no sense: {error}.") from None
        checked = await self._checked(table, table.rollout, slow, waiver)
        now = self._clock.time()
        rollout = Rollout(f"{int(now):x}{secrets.token_hex(3)}", policy.plan, candidate.id, author, since=now)
        record = RolloutRecord(
            id=rollout.id,
            route=route,
            candidate=candidate.name,
            stable=stable.name,
            version_hash=candidate.id,
            stable_hash=stable.id,
            creator=author,
            created_at=self._conductor.wall.time(),
            unit_key=secrets.token_hex(16),
            policy=policy.written() | written(checked, waiver) | {REGRESSION: table.rollout.regression},
            place=rollout.written(),
            state=rollout.state.value,
            revision=rollout.revision,
        )
        await self._begin(record, author, reason)
        if any(each.reason for each in checked):
            reason = f"{reason} (without a replay: {waiver.strip()})".strip()
        await self._act(route, Event.SUBMIT, author, reason)
        await self._conductor.look()
        return self.found(route)

    async def _begin(self, record: RolloutRecord, author: str, reason: str) -> None:
        """Take it in, in the place of one that runs and may be superseded."""
        try:
            before = self._conductor.running.get(record.route)
            if before is None:
                await self._conductor.begin(record)
                return
            may_replace(before, record.version_hash, record.policy)
            because = f"{reason.strip()} (rollout {record.id})" if reason.strip() else ""
            made = await self._conductor.supersede(record, Act(Event.SUPERSEDE, author, because))
        except (StoreRejectedError, KeyError):
            raise RefusedError(409, "rollout_runs", f"A rollout runs on {record.route} already.") from None
        if isinstance(made, Refused):
            raise _refused(made)

    async def pause(self, route: str, author: str, reason: str) -> Running:
        """Keep the weight as it is until somebody resumes."""
        return await self._act(route, Event.PAUSE, author, reason)

    async def resume(self, route: str, author: str, reason: str) -> Running:
        """Go on with the step."""
        return await self._act(route, Event.RESUME, author, reason)

    async def rollback(self, route: str, author: str, reason: str) -> None:
        """Give nobody the candidate any more. Needs nobody's consent, nor what can be read or counted."""
        if route in self._conductor.lost and route not in self._conductor.running:
            await self._conductor.discard(route, author, reason)
            return
        state = self.found(route).rollout.state
        event = Event.ROLL_BACK if (state, Event.ROLL_BACK) in TABLE else Event.ABORT
        try:
            await self._act(route, event, author, reason)
        except (RefusedError, StoreError):
            raise
        except Exception:  # its evidence can't be counted: whoever wants to be rid of it does not ask for any
            if route not in self._conductor.lost:
                raise
            await self._conductor.discard(route, author, reason)

    async def discard(self, route: str, author: str, reason: str) -> None:
        """File away a rollout that can't be read, or not be decided on."""
        if route not in self._conductor.lost:
            _ = self.found(route)
            raise RefusedError(409, "rollout_readable", f"The rollout on {route} can be read: roll it back.")
        if not reason.strip():
            raise RefusedError(409, "rollout_refused", "A reason has to be given.", lacks=[{"what": "reason"}])
        await self._conductor.discard(route, author, reason)

    async def promote(self, route: str, author: str, reason: str) -> Running:
        """Make the candidate the route's version. `reason`: the rationale, which stays."""
        return await self._act(route, Event.PROMOTE, author, reason)

    async def approve(self, route: str, author: str, evidence_hash: str | None) -> Running:
        """Note a person's word on the version and the evidence that the rollout asks about."""
        found = self.found(route)
        rollout = found.rollout
        if not rollout.is_asking:
            raise await self._unasked(found)
        if evidence_hash not in (None, rollout.evidence_hash):
            raise RefusedError(409, "evidence_changed", "The evidence is another than you have seen: look again.")
        if author == rollout.creator and not rollout.plan.approvals.creator_may:
            raise RefusedError(409, "creator_may_not", "Who started a rollout may not approve it (creator_may).")
        if rollout.plan.approvals.by and author not in rollout.plan.approvals.by:
            raise RefusedError(409, "may_not_approve", f"{author} is not among those who may approve.")
        at = self._clock.time()
        word = ApprovalRecord(found.record.id, author, rollout.version_hash, rollout.evidence_hash, at)
        if not await self._store.approve_rollout(word):
            raise _full("approvals", f"{MAX_APPROVALS:,} approvals of this rollout are kept")
        self._conductor.wake.set()
        return found

    async def _unasked(self, found: Running) -> RefusedError:
        """Why nobody is asked for an approval, with what is missing until somebody is."""
        rollout = found.rollout
        event = awaited(rollout)
        if event is None:
            return RefusedError(409, "nothing_to_approve", f"A rollout that is {rollout.state} asks for no approval.")
        at = moment(rollout, await self._conductor.evidence(found), self._clock.time())
        lacks = lacking(TABLE[rollout.state, event], at)
        missing = " ".join(refusal(lacks)) or "Ask again in a second."
        why = f"An approval is of evidence, and this step has not all that it needs yet. {missing}"
        return RefusedError(409, "nothing_to_approve_yet", why, lacks=_told(lacks))

    async def exemplars(self, route: str, author: str) -> list[Row]:
        """Some of the candidate's exchanges, drawn at random; noted as seen by `author`."""
        found = self.found(route)
        rows = await self._store.exemplars(found.record.id, found.record.candidate, limit=MUST_SEE)
        ids = [row["id"] for row in rows]
        if not await self._store.note_exemplars(found.record.id, author, ids, self._clock.time()):
            raise _full("exemplars", f"{MAX_SEEN:,} exchanges of this rollout have been shown to people")
        return rows

    async def _act(self, route: str, event: Event, author: str, reason: str) -> Running:
        found = self.found(route)
        people = await self._conductor.people(found, author)
        made = await self._conductor.act(route, Act(event, author, reason), people)
        if isinstance(made, Refused):
            raise _refused(made)
        return made

    async def _checked(self, route: Route, policy: RolloutPolicy, slow: Slow, waiver: str) -> list[Checked]:
        """What has to be passed beforehand; RefusedError where it is not, and nobody says why."""
        if not policy.replay:
            return []
        from llmgateway.replaying.passing import Demand, gates_of

        plugins = {name: each.plugin for name, each in self._snapshot().evaluators.items()}
        demand = Demand(gates_of(policy, plugins), slow.first_token_s, slow.total_s)
        checked = await self._preflight.look(policy.replay, Contenders(route, *compared(route, policy), demand))
        lacking = [each for each in checked if each.reason]
        if lacking and not waiver.strip():
            lacks = [{"what": "replay", **asdict(each)} for each in lacking]
            raise RefusedError(409, "replay_needed", told(lacking), lacks=lacks)
        return checked

    async def _slow(self, route: Route, policy: RolloutPolicy, stable: Version) -> Slow:
        """What counts as slow: as configured, else as the stable version's last exchanges were."""
        told = policies.told_slow(policy)
        if told.is_known or not policies.judges_slow(policy):
            return told
        wanted = Wanted(route=route.name, version=stable.name, end="completed", shadow=False)
        rows = await self._callers(wanted)
        if len(rows) < MIN_BASELINE:
            raise RefusedError(
                422,
                "no_baseline",
                f"The log has {len(rows)} exchanges of {stable.name}, too few to say what is slow: set first_token or "
                f"total in [routes.{route.name}.rollout.metrics.slow].",
            )
        first = [row["first_token_s"] for row in rows if row["stream"] and row["first_token_s"] is not None]
        whole = [row["duration_s"] for row in rows if row["duration_s"] is not None]
        return Slow(_p95(first), _p95(whole))

    async def _callers(self, wanted: Wanted) -> list[Row]:
        """The newest exchanges that callers asked for: replays ask the stable version, too, often just before."""
        found: list[Row] = []
        async for page in pages(self._store, wanted, limit=MAX_LOOK, size=BASELINE):
            found += [row for row in page if not is_of_replay(row)]
            if len(found) >= BASELINE:
                break
        return found[:BASELINE]


def compared(route: Route, policy: RolloutPolicy) -> tuple[Version, Version]:
    """The candidate and the one version it is compared with; raises RefusedError."""
    candidate = route.version(policy.candidate)
    others = [version for version in route.versions if version.weight > 0 and version is not candidate]
    if candidate.weight > 0:
        raise RefusedError(
            409, "candidate_in_use", f"{candidate.name} has traffic already: set its weight to 0 to begin."
        )
    if len(others) != 1:
        raise RefusedError(
            409, "not_comparable", "A rollout compares two versions: exactly one other has to have a weight."
        )
    return candidate, others[0]


def may_replace(before: Running, candidate: str, policy: Mapping[str, Any] | None = None) -> None:
    """Whether a rollout may be superseded by one of the content `candidate`; raises RefusedError.

    Before the first step nobody has had the candidate: what is begun later is what is meant, unless it is the same. One
    that is paused gives way to another candidate; the same one would only get rid of the evidence against it.
    """
    state, record = before.rollout.state, before.record
    if state in TERMINAL:
        raise _runs(f"The rollout of {record.candidate} on {record.route} is being filed: ask again in some seconds.")
    if (state, Event.SUPERSEDE) not in TABLE:
        raise _runs(f"The rollout of {record.candidate} on {record.route} is {state}: it has to end first.")
    is_same = candidate == record.version_hash
    if is_same and state is State.PAUSED:
        raise _runs(f"The rollout of this very version on {record.route} is paused: resume it, or roll it back.")
    if is_same and state is not State.DRAFT and policy is not None and policy["plan"] == record.policy["plan"]:
        raise _runs(f"This very rollout runs on {record.route} already.")


def _full(what: str, why: str) -> RefusedError:
    return RefusedError(409, f"too_many_{what}", f"{why}, which is as many as there may be. A rollback needs none.")


def _runs(message: str) -> RefusedError:
    return RefusedError(409, "rollout_runs", message)


def _refused(made: Refused) -> RefusedError:
    return RefusedError(409, "rollout_refused", " ".join(refusal(made.lacks)), lacks=_told(made.lacks))


def _told(lacks: Iterable[Lack]) -> list[dict[str, object]]:
    return [{"what": each.what.value, **each.values} for each in lacks]


def _p95(values: list[float]) -> float | None:
    if len(values) < MIN_BASELINE:
        return None
    return quantile(sorted(values), BASELINE_P)
