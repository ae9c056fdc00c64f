"""The chains of a configuration, made from its guardrails: for requests, for replies, for what is stored of both."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from llmgateway.config import guarding as definition
from llmgateway.config import snapshot
from llmgateway.config.guardrails import binds, is_judge, is_slow, locates
from llmgateway.config.snapshot import Bodies
from llmgateway.domain.verdict import Action, Mode, OnError, Stage
from llmgateway.guarding.binding import Binder
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.chain import Chain, Hit, Link
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.unread import without_probabilities
from llmgateway.ports.asking import AskingJudge
from llmgateway.ports.guardrail import Guardrail
from llmgateway.ports.judge import Judge, Piece
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.view import SEPARATOR, View, shown

Plugin = Guardrail | Judge | AskingJudge
FindGuardrail = Callable[[str, Mapping[str, Any]], Plugin]
"""Make a plug-in by its name, with its settings."""

_REMEMBERED: Final = 1024
_MAX_PROMPTS: Final = 256 * 1024  # characters of a route's prompts
_SHORT: Final = 256  # characters of what is remembered
REDACTORS: Final = ("pii", "secrets")
"""The plug-ins that what is stored goes through, with their own defaults, where bodies are stored redacted."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A route's guardrails: those for requests, those that change replies, and (`watching`) those that only look.

    `observing` is all of those for replies, so that they only look: at copies. `mask` redacts whatever any of them
    finds, for what is stored. `masks`: whether bodies are stored redacted; silent links in `request` and `watching`
    then look for what must not be. `judges` are the quick ones for requests, `slow` those that take their time, and
    `reply_judges` all of those for replies. `binders`: the plug-ins for replies that must know the request, and
    `prompts` what versions put in front of it.
    """

    request: Chain
    reply: Chain
    watching: Chain
    observing: Chain
    mask: Chain
    masks: bool
    judges: tuple[JudgeLink, ...] = ()
    slow: tuple[JudgeLink, ...] = ()
    reply_judges: tuple[JudgeLink, ...] = ()
    binders: tuple[object, ...] = ()
    prompts: tuple[str, ...] = ()  # of the route's versions
    _clean: set[str] = field(default_factory=set, compare=False, repr=False)  # short texts that come again and again
    _free: set[str] = field(default_factory=set, compare=False, repr=False)  # the same, of those that go on as they are

    @property
    def every_judge(self) -> tuple[tuple[Stage, JudgeLink], ...]:
        """All judges, with the stage that they look at."""
        requests = ((Stage.REQUEST, link) for link in (*self.judges, *self.slow))
        return (*requests, *((Stage.REPLY, link) for link in self.reply_judges))

    @property
    def holds_replies(self) -> bool:
        """Whether a reply must be judged before its caller may have it."""
        return any(link.must_answer for link in self.reply_judges)

    @property
    def holds_requests(self) -> bool:
        """Whether judges must have looked into a request before it goes on."""
        return any(link.must_answer for link in (*self.judges, *self.slow))

    @property
    def restores(self) -> bool:
        """Whether replies may have to have values put back."""
        return any(link.restore for link in (*self.request.links, *self.slow))

    @property
    def whole_replies(self) -> tuple[str, ...]:
        """The names of those who redact replies, which they must have whole to do so."""
        return tuple(link.name for link in self.reply_judges if link.redacts)

    def bound(self, document: Mapping[str, Any]) -> "Guard":
        """Make this request's own: guardrails that must know what was asked are bound to it."""
        return self._bound(Binder(self.binders, document, self.prompts))

    def bound_to(self, said: Sequence[Piece]) -> "Guard":
        """The same of a session, of which this has been said."""
        return self._bound(Binder(self.binders, {}, self.prompts, said))

    def _bound(self, to: Binder) -> "Guard":
        return replace(
            self,
            reply=to.bound(self.reply),
            watching=to.bound(self.watching),
            observing=to.bound(self.observing),
            mask=to.bound(self.mask),
            reply_judges=to.judges(self.reply_judges),
            _clean=set(),  # what is clean for one may not be for another
        )

    def masked(self, body: bytes) -> bytes:
        """A body as it may be stored."""
        return sifted(Sieve(self.mask, Stage.REQUEST, Notes(), Placeholders()), body)

    def is_clean(self, text: str) -> bool:
        """Whether nothing in this text has to be masked. For short ones that many requests have, as their agent is."""
        if text in self._clean:
            return True
        if self.mask.hits(View(shown(text))):
            return False
        _remember(self._clean, text)
        return True

    def forbidden(self, texts: Iterable[str]) -> list[Hit]:
        """What is found in texts of a request that go on as they came or not at all; short ones are remembered."""
        new = [text for text in texts if text not in self._free]
        if not new:
            return []
        hits = self.request.enforced_hits(View(SEPARATOR.join(map(shown, new))))
        for text in new if not hits else ():
            _remember(self._free, text)
        return hits

    def masked_text(self, text: str) -> str:
        """A text as it may be stored."""
        return Sieve(self.mask, Stage.REQUEST, Notes(), Placeholders()).text(text)


def _remember(known: set[str], text: str) -> None:
    if len(text) <= _SHORT:
        if len(known) >= _REMEMBERED:
            known.clear()
        known.add(text)


def sifted(sieve: Sieve, body: bytes, *, only_looks: bool = False) -> bytes:
    """Judge a reply or a body to be stored, JSON or not. Raises Blocked as `Sieve` does.

    The probabilities of its tokens are taken out, unless `only_looks`.
    """
    body = body.removeprefix(BOM_UTF8)
    try:
        document = decode(body)
    except JsonError:
        return as_text(sieve.text, body)
    if not isinstance(document, dict | list):
        return as_text(sieve.text, body)  # a text of digits is JSON, too
    return sieve.json(body if only_looks else without_probabilities(body))


def as_text(change: Callable[[str], str], body: bytes) -> bytes:
    """Change a body that is taken for a text. What is no UTF-8 is read byte for byte, so that the rest stays."""
    try:
        return change(body.decode()).encode()
    except UnicodeDecodeError:
        return change(body.decode("latin-1")).encode("latin-1", "replace")


def linked(guardrail: definition.Guardrail, find: FindGuardrail) -> Link | JudgeLink:
    """Make a definition's plug-in, and what a chain has of it."""
    plugin = find(guardrail.plugin, guardrail.options)
    if is_judge(plugin):
        return _judge(guardrail, cast(Judge | AskingJudge, plugin))
    return Link(
        guardrail.name,
        cast(Guardrail, plugin),
        guardrail.action,
        guardrail.mode,
        guardrail.restore,
        refusal=guardrail.refusal,
    )


def _judge(guardrail: definition.Guardrail, plugin: Judge | AskingJudge) -> JudgeLink:
    """A judge that changes what passes lets nothing pass it was not asked about, unless it was told otherwise."""
    has_places = locates(plugin)
    action = guardrail.action if has_places or guardrail.action is Action.BLOCK else Action.FLAG
    on_error = guardrail.on_error or (OnError.PASS if action is Action.FLAG else OnError.BLOCK)
    return JudgeLink(
        guardrail.name,
        plugin,
        action,
        guardrail.mode,
        guardrail.restore,
        refusal=guardrail.refusal,
        timeout_s=guardrail.timeout_s,
        fails_closed=on_error is OnError.BLOCK,
        definition=f"{guardrail.plugin} {sorted(guardrail.options.items())}",
        is_slow=is_slow(plugin),
        is_windowed=getattr(plugin, "is_windowed", False),
        locates=has_places,
    )


def prompts_of(route: snapshot.Route) -> tuple[str, ...]:
    """What its versions put in front of requests, each once and all within a bound: every exchange is told of them."""
    found: list[str] = []
    left = _MAX_PROMPTS
    for prompt in dict.fromkeys(version.prompt for version in route.versions if version.prompt is not None):
        found.append(prompt[:left])
        left -= len(found[-1])
        if not left:
            break
    return tuple(found)


class _Maker:
    """Makes each definition's guardrail once, whoever uses it, and one guard for routes that have the same."""

    def __init__(self, find: FindGuardrail) -> None:
        self._find = find
        self._links: dict[str, Link | JudgeLink] = {}
        self._guards: dict[Any, Guard] = {}
        self._silent: tuple[Link, ...] | None = None

    def guard(self, route: snapshot.Route) -> Guard | None:
        masks = route.bodies is Bodies.REDACTED
        if not masks and not route.guardrails:
            return None
        key = (tuple(each.name for each in route.guardrails), masks)
        if key not in self._guards:
            self._guards[key] = self._new(route.guardrails, masks=masks)
        guard = self._guards[key]
        prompts = prompts_of(route) if guard.binders else ()
        return replace(guard, prompts=prompts) if prompts else guard

    def strictest(self, routes: Iterable[snapshot.Route]) -> Guard | None:
        guards = ((route, self.guard(route)) for route in routes)
        masking = [
            route for route, guard in guards if route.bodies is not Bodies.FULL or (guard and guard.request.enforced)
        ]
        if not masking:
            return None
        named = {each.name: each for route in masking for each in route.guardrails}
        key = (tuple(named), True)
        if key not in self._guards:
            self._guards[key] = self._new(tuple(named.values()), masks=True)
        return self._guards[key]

    def _new(self, guardrails: tuple[definition.Guardrail, ...], *, masks: bool) -> Guard:
        silent = self._redactors() if masks else ()
        every = [(self._link(each), each.stages) for each in guardrails]
        links = [(link, stages) for link, stages in every if isinstance(link, Link)]
        judges = [(link, stages) for link, stages in every if isinstance(link, JudgeLink)]
        all_links = (*(link for link, _ in links), *self._redactors())
        reply = Chain((*(link for link, stages in links if Stage.REPLY in stages), *silent))
        return Guard(
            request=Chain((*(link for link, stages in links if Stage.REQUEST in stages), *silent)),
            reply=Chain(reply.enforced),
            watching=Chain(link for link in reply.links if not link.is_enforced),
            observing=reply.observing,
            mask=Chain(replace(link, action=Action.REDACT, mode=Mode.ENFORCE, restore=False) for link in all_links),
            masks=masks,
            judges=tuple(link for link, stages in judges if Stage.REQUEST in stages and not link.is_slow),
            slow=tuple(link for link, stages in judges if Stage.REQUEST in stages and link.is_slow),
            reply_judges=tuple(link for link, stages in judges if Stage.REPLY in stages),
            binders=tuple(link.guardrail for link, _ in every if binds(link.guardrail)),
        )

    def _redactors(self) -> tuple[Link, ...]:
        if self._silent is None:
            self._silent = tuple(
                Link(name, cast(Guardrail, self._find(name, {})), Action.REDACT, Mode.OBSERVE, is_silent=True)
                for name in REDACTORS
            )
        return self._silent

    def _link(self, guardrail: definition.Guardrail) -> Link | JudgeLink:
        name = guardrail.name
        if name not in self._links:
            self._links[name] = linked(guardrail, self._find)
        return self._links[name]


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of those routes that have guardrails, or whose bodies are stored redacted.

    `unrouted`: for requests that never had a route. `strictest`: for texts of a route that is not known yet; it masks
    what any route's does, and is None where all keep bodies as they are.
    """

    by_route: Mapping[str, Guard] = field(default_factory=dict)
    unrouted: Guard | None = None
    strictest: Guard | None = None

    @classmethod
    def of(cls, found: snapshot.Snapshot, find: FindGuardrail) -> "Guards":
        """Make them all."""
        maker = _Maker(find)
        nowhere = snapshot.Route("", (), bodies=found.journal.bodies, guardrails=found.guarding.baseline)
        by_route = {route.name: guard for route in found.routes.values() if (guard := maker.guard(route))}
        return cls(by_route, maker.guard(nowhere), maker.strictest([nowhere, *found.routes.values()]))

    def of_route(self, name: str | None) -> Guard | None:
        """The guard of that route; None where it has none."""
        return self.by_route.get(name) if name is not None else None


NO_GUARDS: Final = Guards()
