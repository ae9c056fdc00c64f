"""A rollout in plain words: where it is, what is still missing, what the figures mean. English and Japanese."""

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from llmgateway.rollout import guards, words_en, words_ja
from llmgateway.rollout.corrected import Corrected
from llmgateway.rollout.counts import total
from llmgateway.rollout.eprocess import value
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.guards import Lack, Lacking, Moment
from llmgateway.rollout.interval import interval
from llmgateway.rollout.plan import Kind, Metric
from llmgateway.rollout.readings import MetricReading
from llmgateway.rollout.rollout import LIVE, TERMINAL, UNASKED, People, Rollout, State
from llmgateway.rollout.states import TABLE, Event, lacking
from llmgateway.rollout.trust import ENOUGH_LABELS, PAUSES, ROLLS_BACK, UNKNOWN


class Language(StrEnum):
    """Which words are used."""

    ENGLISH = "en"
    JAPANESE = "ja"


_WORDS: Final = {Language.ENGLISH: words_en.WORDS, Language.JAPANESE: words_ja.WORDS}
_NEXT: Final = {  # what a rollout is waiting for
    State.DRAFT: Event.SUBMIT,
    State.SHADOW: Event.START,
    State.PAUSED: Event.RESUME,
    State.AWAITING_APPROVAL: Event.PROMOTE,
    State.BAKE: Event.BAKED,
    State.INCONCLUSIVE: Event.PROVEN,
}
_LISTS: Final = ("metrics", "by")


def explain(
    rollout: Rollout,
    evidence: Evidence,
    now: float,
    people: People = UNASKED,
    language: Language = Language.ENGLISH,
) -> list[str]:
    """Sentences for people who have to decide, the most important first. Takes milliseconds: for a page, not a loop."""
    say = Speaker(_WORDS[language])
    at = guards.moment(rollout, evidence, now, people)
    said = [say.state(rollout), *say.missing(at)]
    if rollout.state in LIVE:
        said += say.evidence(at)
    return said


def refusal(lacks: Iterable[Lack], language: Language = Language.ENGLISH) -> list[str]:
    """Why something was refused, a sentence for each thing that is lacking."""
    say = Speaker(_WORDS[language])
    return [say.lack(each) for each in lacks]


def _form(lack: Lack) -> str:
    """Which of the sentences about it: some say more where more is known."""
    if lack.what is Lacking.APPROVALS and lack.values.get("by"):
        return "_by"
    return "_some" if lack.what is Lacking.UNSEEN and lack.values.get("seen") else ""


def of_other_judges(metrics: Iterable[str], language: Language = Language.ENGLISH) -> list[str]:
    """That somebody else judges in these metrics now than when the rollout began, a sentence each."""
    say = Speaker(_WORDS[language])
    return [say("trust.changed", metric=each) for each in metrics]


def of_corrected(metric: str, arm: str, of: Corrected, language: Language = Language.ENGLISH) -> str:
    """What a judge's rate on one arm would be if people had seen all of it. `arm`: `candidate` or `stable`."""
    say = Speaker(_WORDS[language])
    low, high = (percent(each) for each in of.rate.interval())
    rate = percent(of.rate.share)
    counts = {"judged": of.judged + of.labelled, "labelled": of.labelled}
    return say(f"corrected.{arm}", metric=metric, rate=rate, low=low, high=high, **counts)


class Speaker:
    """Sentences in one language."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words

    def __call__(self, key: str, **values: object) -> str:
        return self._words[key].format(**values)

    def state(self, rollout: Rollout) -> str:
        """Where it is."""
        pause = "" if rollout.pause is None else self(f"pause.{rollout.pause}")
        steps = {"step": rollout.step + 1, "steps": len(rollout.plan.steps)}
        return self(f"state.{rollout.state}", weight=percent(rollout.weight), pause=pause, **steps)

    def missing(self, at: Moment) -> list[str]:
        """What keeps the rollout from what comes next. What a person writes only then is not called missing now."""
        event = next_event(at.rollout)
        if event is None:
            return []
        edge = TABLE[at.rollout.state, event]
        lacks = [each for each in lacking(edge, at) if each.what not in {Lacking.RATIONALE, Lacking.REASON}]
        if not lacks and at.rollout.state is State.PAUSED:
            return [self("missing.some"), self("lack.cause")]
        if not lacks:
            return [self("missing.nothing")]
        return [self("missing.some"), *map(self.lack, lacks)]

    def lack(self, lack: Lack) -> str:
        """One thing that is lacking."""
        values = dict(lack.values)
        if lack.what is Lacking.EDGE and values["state"] in TERMINAL:
            return self("lack.over", how=self(f"state.{values['state']}"))
        for name in _LISTS:
            if isinstance(each := values.get(name), list):
                values[name] = self._words["and"].join(each)
        if isinstance(alarms := values.get("alarms"), list):
            values["alarms"] = self._words["and"].join(self(f"alarm.{each}") for each in alarms)
        if isinstance(seconds := values.get("seconds"), float | int):
            values["time"] = self.time(seconds)
        return self(f"lack.{lack.what}{_form(lack)}", **values)

    def time(self, seconds: float) -> str:
        """A length of time, in its two largest units."""
        minutes, rest = divmod(math.ceil(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        if days:
            return self("time.days", days=days, hours=hours)
        if hours:
            return self("time.hours", hours=hours, minutes=minutes)
        return self("time.minutes", minutes=minutes, seconds=rest) if minutes else self("time.seconds", seconds=rest)

    def evidence(self, at: Moment) -> list[str]:
        """What the counts say, metric by metric, and how far that goes."""
        plan = at.rollout.plan
        said = [self("all.harm", e=figure(at.read.harm), needed=number(1 / plan.alpha))]
        if at.read.is_broken:
            said.append(self("all.broken"))
        for each in at.read.metrics:
            said += self.metric(each, at)
        said.append(self("all.srm", e=figure(at.read.srm), needed=number(plan.srm_threshold)))
        return [*said, self("zone", r0=number(plan.r0), r_m=number(plan.r_m)), self("assumptions")]

    def metric(self, read: MetricReading, at: Moment) -> list[str]:
        """One metric: what a model's word may do, the counts, the interval, both tests."""
        plan, metric = at.rollout.plan, read.metric
        units, bad = (total(each.get(metric.name, {})) for each in (at.evidence.units, at.evidence.bad))
        known = interval(at.evidence.bad_draws(metric.name), plan.alpha, plan.beta, plan.r_m)
        said = [
            *self.trust(metric, at),
            self(
                "metric.counts",
                metric=metric.name,
                candidate_bad=bad.candidate,
                candidate_units=units.candidate,
                stable_bad=bad.stable,
                stable_units=units.stable,
            ),
            self(
                "metric.range",
                metric=metric.name,
                low=number(known.low),
                high=number(known.high),
                alpha=percent(1 - plan.alpha),
                beta=percent(1 - plan.beta),
            ),
        ]
        if metric.name in at.evidence.said:
            needed = number(plan.srm_threshold)
            said.append(self("metric.said", metric=metric.name, e=figure(read.said), needed=needed))
        return said if metric.kind is Kind.ADVISORY else said + self.tests(read, at)

    def tests(self, read: MetricReading, at: Moment) -> list[str]:
        """What speaks for harm and against it in one metric, and how much of it is enough."""
        plan, metric = at.rollout.plan, read.metric
        whole = sum(each.metric.weight for each in at.read.metrics if each.metric.kind is metric.kind)
        proof = {"e": figure(read.safe), "needed": number(1 / plan.beta), "r_m": number(plan.r_m)}
        ceiling = {} if metric.ceiling is None else {"ceiling": percent(metric.ceiling)}
        return [
            self(
                "metric.harm" if read.harm > 0 else "metric.no_harm_seen",
                metric=metric.name,
                e=figure(read.harm),
                needed=number(whole / (plan.alpha * metric.weight)),
                r0=number(plan.r0),
                e_at_least=figure(read.harm),
            ),
            self("metric.safe_ceiling" if ceiling else "metric.safe", metric=metric.name, **proof, **ceiling),
        ]

    def trust(self, metric: Metric, at: Moment) -> list[str]:
        """What a model's word may do in this metric, and how far people agree with it."""
        if not metric.is_judged:
            return []
        standing = at.evidence.trust.get(metric.name, UNKNOWN)
        kappa = self("trust.no_kappa") if standing.kappa is None else f"{standing.kappa:.2f}"
        needed = {"enough": ENOUGH_LABELS, "pauses": PAUSES, "rolls_back": ROLLS_BACK}
        return [self(f"trust.{standing.rung}", metric=metric.name, labels=standing.labels, kappa=kappa, **needed)]


def next_event(rollout: Rollout) -> Event | None:
    """What a rollout in this state is waiting for."""
    if rollout.state is State.CANARY:
        return Event.PROVEN if rollout.plan.is_last(rollout.step) else Event.ADVANCE
    if rollout.state is State.PENDING_START:
        return Event.START if rollout.plan.shadow is None else Event.SHADOW
    return _NEXT.get(rollout.state)


def percent(share: float) -> str:
    """A share, as per cent."""
    return f"{100 * share:.3g} %"


def figure(log: float) -> str:
    """An E whose logarithm is given, rounded as one reads it."""
    return ">1,000,000" if log > math.log(1e6) else number(value(log))


def number(each: float) -> str:
    """A figure with as many digits as mean something; infinity as a sign."""
    if math.isinf(each):
        return "∞"
    if each < 0.01:
        return "0" if each == 0 else "<0.01"
    return f"{each:,.0f}" if each >= 100 else f"{each:.3g}"
