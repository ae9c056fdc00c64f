"""What guardrails would say of an exchange that is in the log, judged as the gateway would judge it. Pure.

The stored form of a body is all there is to judge. Where values were taken out before it was stored, their stand-ins
tell that something was there, and that nobody can be asked about it any more. Nobody else is asked either: what judges
that take their time would say stays unknown.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

import re2

from llmgateway.config.guardrails import binds
from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.chain import Chain, Hit, Linked
from llmgateway.guarding.guards import Guard, sifted
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.judging import JudgeLink, ask, judge_all, shown_to
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.pieces import texts_of_reply
from llmgateway.guarding.placeholders import Placeholders, marked
from llmgateway.ports.store import Body
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.view import View

Hint = Callable[[str], str]
"""So much of a value as may be shown."""

_STAND_IN: Final = re2.compile(rb'\[([^\[\]"\\\s]{1,100})\]|<([^<>"\\\s]{1,100})_[0-9]{1,9}>')
_NOT_STORED: Final = b'{"not_stored":'  # what is kept of a body that could not be redacted in time


class Key(NamedTuple):
    """What two verdicts about one exchange have in common if they say the same."""

    stage: Stage
    guardrail: str
    kind: str


class Unseen(StrEnum):
    """Why nobody could look into one side of an exchange."""

    ABSENT = "absent"  # nothing was said, or no record of it was made
    NOT_KEPT = "not_kept"  # a hash at most
    NO_JSON = "no_json"  # a form or a file: guardrails do not look into these


@dataclass(slots=True)
class Said:
    """What one guardrail says of one kind in one exchange. `hint`: to the first value, as much as may be shown."""

    action: Action
    mode: Mode
    hint: str
    score: float
    count: int = 0


@dataclass(slots=True)
class Judgement:
    """What came of one exchange. `taken_out`: kinds whose stand-ins are in what was stored.

    `unbound`: the names of those who could not be asked about the reply, as its request is not in the store.
    """

    said: dict[Key, Said] = field(default_factory=dict)
    unseen: dict[Stage, Unseen] = field(default_factory=dict)
    cut: set[Stage] = field(default_factory=set)  # only the beginning was stored
    taken_out: dict[Stage, frozenset[str]] = field(default_factory=dict)
    unbound: frozenset[str] = frozenset()
    is_refused: bool = False  # no model would have been asked

    @property
    def action(self) -> Action:
        """What would have been done about it all."""
        enforced = (each.action for each in self.said.values() if each.mode is Mode.ENFORCE)
        return max(enforced, key=list(Action).index, default=Action.ALLOW)


def judge(guard: Guard | None, bodies: Iterable[Body], hint: Hint) -> Judgement:
    """Judge an exchange by what is stored of it. Without a guard nobody looks, and nothing is found."""
    found = Judgement()
    if guard is None:
        return found
    by_kind = {body.kind: body for body in bodies}
    kept = {stage: _kept(by_kind.get(stage.value), stage, found) for stage in Stage}
    kinds = {marked(kind)[1:-1]: kind for link in guard.mask.links for kind in link.guardrail.kinds}
    found.taken_out = {stage: _taken_out(body, kinds) for stage, body in kept.items() if body is not None}
    ear = _Ear(found.said, hint)
    request, reply = kept[Stage.REQUEST], kept[Stage.REPLY]
    if request is not None:
        found.is_refused = _is_blocked(lambda: _judge_request(guard, request, ear))
    if reply is not None and not found.is_refused:
        bound = _bound(guard, request, found)
        _is_blocked(lambda: _judge_reply(bound, reply, ear))
    return found


def _bound(guard: Guard, request: bytes | None, found: Judgement) -> Guard:
    """The guard of this exchange's reply. Of a request that was cut nobody knows what was in it."""
    if not guard.binders:
        return guard
    if found.unseen.get(Stage.REQUEST) is Unseen.NO_JSON:
        return guard.bound({})
    if request is None or Stage.REQUEST in found.cut:
        every: list[Linked] = [*guard.mask.links, *guard.reply_judges]
        found.unbound = frozenset(link.name for link in every if binds(link.guardrail))
        return guard
    return guard.bound(_document(request))


class _Ear(Notes):
    """Notes that keep a hint to what was found, and never the value. `text`: what the chain was asked about last."""

    __slots__ = ("_hint", "_said", "text")

    def __init__(self, said: dict[Key, Said], hint: Hint) -> None:
        super().__init__()
        self._said = said
        self._hint = hint
        self.text = ""

    def add(self, stage: Stage, hits: Iterable[Hit]) -> None:
        for hit in hits:
            if hit.link.is_silent:
                continue
            key, link = Key(stage, hit.link.name, hit.kind), hit.link
            said = self._said.get(key)
            if said is None:
                said = self._said[key] = Said(link.action, link.mode, self._hint(self._value(hit)), hit.score)
            said.score = max(said.score, hit.score)
            said.count += 1

    def _value(self, hit: Hit) -> str:
        """What was found; of a text that a judge judges whole nothing but its length is told."""
        if isinstance(hit.link, JudgeLink):
            return " " * (hit.end - hit.start)
        return self.text[hit.start : hit.end]


class _Overheard(Chain):
    """A chain that tells which text it was asked about."""

    __slots__ = ("_ear",)

    def __init__(self, chain: Chain, ear: _Ear) -> None:
        super().__init__(chain.links, chain.echo)
        self._ear = ear

    def hits(self, view: View, start: int = 0) -> list[Hit]:
        self._ear.text = view.text
        return super().hits(view, start)

    def enforced_hits(self, view: View, start: int = 0) -> list[Hit]:
        self._ear.text = view.text
        return super().enforced_hits(view, start)


def _is_blocked(look: Callable[[], object]) -> bool:
    try:
        look()
    except Blocked:
        return True
    return False


def _judge_request(guard: Guard, body: bytes, ear: _Ear) -> None:
    """Judges first, then the chain, as for a request that arrives. One that was cut is no JSON, but a text."""
    if guard.judges:
        ask(guard.judges, _document(body), ear)
    sifted(_sieve(guard.request, Stage.REQUEST, ear), body)


def _judge_reply(guard: Guard, body: bytes, ear: _Ear) -> None:
    """Those that change it first; those that only look see what has become of it."""
    if guard.reply:
        body = sifted(_sieve(guard.reply, Stage.REPLY, ear), body)
    if guard.watching:
        sifted(_sieve(guard.watching, Stage.REPLY, ear), body)
    judges = [link for link in guard.reply_judges if not link.is_slow]
    said = texts_of_reply(_document(body)) if judges else []
    for link in judges:
        judge_all([link], shown_to(link, said), Stage.REPLY, ear)


def _sieve(chain: Chain, stage: Stage, ear: _Ear) -> Sieve:
    return Sieve(_Overheard(chain, ear), stage, ear, Placeholders())


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = decode(body)
    except JsonError:
        return {}
    return document if isinstance(document, dict) else {}


def _kept(body: Body | None, stage: Stage, found: Judgement) -> bytes | None:
    """The bytes to look into; None, and the reason noted, where there are none."""
    if body is None:
        found.unseen[stage] = Unseen.ABSENT
        return None
    content = body.content
    if content is None or content.startswith(_NOT_STORED):
        found.unseen[stage] = Unseen.NOT_KEPT
        return None
    if body.is_truncated:
        found.cut.add(stage)
    elif stage is Stage.REQUEST and not _is_json(content):
        found.unseen[stage] = Unseen.NO_JSON
        return None
    return content


def _is_json(content: bytes) -> bool:
    try:
        decode(content)
    except JsonError:
        return False
    return True


def _taken_out(body: bytes, kinds: Mapping[str, str]) -> frozenset[str]:
    """The kinds of the stand-ins in a body. A caller may have written one himself: nobody can tell."""
    found = set()
    for match in _STAND_IN.finditer(body):
        kind = kinds.get((match[1] or match[2]).decode("utf-8", "replace"))
        if kind is not None:
            found.add(kind)
    return frozenset(found)


def asked(guard: Guard | None) -> frozenset[tuple[Stage, str]]:
    """Who would have looked at which stage."""
    if guard is None:
        return frozenset()
    chains: Sequence[tuple[Stage, Chain]] = (
        (Stage.REQUEST, guard.request),
        (Stage.REPLY, guard.reply),
        (Stage.REPLY, guard.watching),
    )
    links = {(stage, link.name) for stage, chain in chains for link in chain.links}
    return frozenset(links | {(stage, judge.name) for stage, judge in guard.every_judge})
