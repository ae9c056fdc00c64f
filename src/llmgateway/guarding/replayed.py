"""What a replay adds up to: for each guardrail and kind what would come, beside what was recorded. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.replay import Hint, Judgement, Key, Said, asked, judge
from llmgateway.ports.store import Body, Row

EXAMPLES: Final = 3  # of each guardrail, stage and kind


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange to look at. `change`: what is different from what was recorded: new, changed or none."""

    exchange: str
    change: str
    score: float
    count: int
    hint: str

    def shown(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Tally:
    """One guardrail's verdicts of one kind. All figures count exchanges.

    `new`: with no such verdict then; `changed`: with one that said another action or mode; `gone`: recorded, and would
    not come any more; `unknown`: recorded, and what it was about is not stored. `action` None: it would never come.
    """

    action: Action | None = None
    mode: Mode | None = None
    exchanges: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    unknown: int = 0
    examples: list[Example] = field(default_factory=list)  # the worst first
    gone_examples: list[str] = field(default_factory=list)

    def add(self, exchange: str, said: Said, then: Row | None) -> None:
        """Count a verdict that would come."""
        self.action, self.mode = said.action, said.mode
        self.exchanges += 1
        change = "none"
        if then is None:
            self.new, change = self.new + 1, "new"
        elif (then["action"], then["mode"]) != (said.action, said.mode):
            self.changed, change = self.changed + 1, "changed"
        self.examples.append(Example(exchange, change, said.score, said.count, said.hint))
        self.examples.sort(key=_badness, reverse=True)
        del self.examples[EXAMPLES:]

    def miss(self, exchange: str, *, is_gone: bool) -> None:
        """Count a verdict that was recorded and does not come."""
        if not is_gone:
            self.unknown += 1
            return
        self.gone += 1
        if len(self.gone_examples) < EXAMPLES:
            self.gone_examples.append(exchange)

    def shown(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        figures = {name: getattr(self, name) for name in ("action", "mode", *FIGURES, "gone_examples")}
        return figures | {"examples": [each.shown() for each in self.examples]}


FIGURES: Final = ("exchanges", "new", "changed", "gone", "unknown")


class Replay:
    """Judges exchanges as they are added, and keeps figures and a few ids; never what was found.

    `guard_of`: who is asked about a route's exchanges. `names`: whose recorded verdicts count; None: everybody's.
    """

    def __init__(
        self, guard_of: Callable[[str | None], Guard | None], hint: Hint, names: Iterable[str] | None = None
    ) -> None:
        self._guard_of = guard_of
        self._hint = hint
        self._names = None if names is None else frozenset(names)
        self.exchanges = 0
        self.tallies: dict[Key, Tally] = {}
        self.outcomes: Counter[Action] = Counter()
        self.unseen: Counter[tuple[Stage, str]] = Counter()
        self.cut: Counter[Stage] = Counter()
        self.taken_out: Counter[tuple[Stage, str]] = Counter()
        self.unguarded: Counter[str] = Counter()  # by route, where nobody is asked
        self.unbound: Counter[str] = Counter()  # replies that a guardrail could not be asked about, by its name
        self.failed = 0  # exchanges at which a guardrail raised something
        self.failed_examples: list[str] = []

    def add(self, row: Row, bodies: Sequence[Body]) -> None:
        """Judge one exchange. `row` has its `verdicts`."""
        guard = self._guard_of(row["route"])
        self.exchanges += 1
        try:
            found = judge(guard, bodies, self._hint)
        except Exception:  # noqa: BLE001 - what it says might quote the text; one of very many is no reason to end
            self._fail(row["id"])
            return
        self.outcomes[found.action] += 1
        if guard is None:
            self.unguarded[row["route"] or ""] += 1
        self.unseen.update((stage, why.value) for stage, why in found.unseen.items())
        self.cut.update(found.cut)
        self.unbound.update(found.unbound)
        self.taken_out.update((stage, kind) for stage, kinds in found.taken_out.items() for kind in kinds)
        self._compare(row["id"], found, self._recorded(row), guard)

    def _fail(self, exchange: str) -> None:
        self.failed += 1
        if len(self.failed_examples) < EXAMPLES:
            self.failed_examples.append(exchange)

    def _recorded(self, row: Row) -> dict[Key, Row]:
        """The verdicts there are, of those who are compared. What stands in the store may be of any version."""
        return {
            Key(Stage(each["stage"]), each["guardrail"], each["kind"]): each
            for each in row["verdicts"]
            if each["stage"] in _STAGES and (self._names is None or each["guardrail"] in self._names)
        }

    def _compare(self, exchange: str, found: Judgement, then: Mapping[Key, Row], guard: Guard | None) -> None:
        for key, said in found.said.items():
            self._tally(key).add(exchange, said, then.get(key))
        for key in then.keys() - found.said.keys():
            self._tally(key).miss(exchange, is_gone=_is_gone(key, found, guard))

    def _tally(self, key: Key) -> Tally:
        return self.tallies.setdefault(key, Tally())

    def rows(self) -> list[tuple[Key, Tally]]:
        """The tallies, the strictest action first, then what changes most."""
        return sorted(self.tallies.items(), key=_order)

    def shown(self) -> dict[str, Any]:
        """Give the figures as JSON has them."""
        return {
            "exchanges": self.exchanges,
            "outcomes": {action.value: self.outcomes[action] for action in Action},
            "verdicts": [key._asdict() | tally.shown() for key, tally in self.rows()],
            "unseen": {stage.value: _of_stage(self.unseen, stage) for stage in Stage},
            "cut": {stage.value: self.cut[stage] for stage in Stage},
            "taken_out": {stage.value: _of_stage(self.taken_out, stage) for stage in Stage},
            "unguarded": dict(sorted(self.unguarded.items())),
            "unbound": dict(sorted(self.unbound.items())),
            "failed": self.failed,
            "failed_examples": self.failed_examples,
        }


_STAGES: Final = frozenset(Stage)
_STRICTEST_FIRST: Final[tuple[Action | None, ...]] = (*reversed(Action), None)


def _is_gone(key: Key, found: Judgement, guard: Guard | None) -> bool:
    """Whether it is certain that the verdict would not come: nobody asks, or the text is there and says otherwise."""
    if (key.stage, key.guardrail) not in asked(guard):
        return True
    if key.stage is Stage.REPLY and found.is_refused:
        return True
    if key.stage in found.unseen or key.stage in found.cut or key.guardrail in found.unbound:
        return False
    judges = {link.name: link for _, link in guard.every_judge} if guard is not None else {}
    if key.guardrail in judges:
        return not judges[key.guardrail].is_slow
    return not found.taken_out.get(key.stage)


def _badness(example: Example) -> tuple[bool, float, int]:
    return example.change == "new", example.score, example.count


def _order(item: tuple[Key, Tally]) -> tuple[Any, ...]:
    key, tally = item
    changes = tally.new + tally.changed + tally.gone
    return _STRICTEST_FIRST.index(tally.action), -changes, -tally.exchanges, key


def _of_stage(counts: Counter[tuple[Stage, str]], stage: Stage) -> dict[str, int]:
    return {name: count for (at, name), count in sorted(counts.items()) if at is stage}
