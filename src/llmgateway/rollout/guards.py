"""What must hold before a rollout may go on. Each guard says what is lacking, or nothing."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from llmgateway.rollout.evidence import MAX_EPOCHS, PAIRS, Evidence
from llmgateway.rollout.plan import MAX_STEPS, Approvals, Kind
from llmgateway.rollout.readings import Readings, absent, readings
from llmgateway.rollout.rollout import MAX_HALTS, MUST_SEE, UNASKED, Pause, People, Rollout


class Lacking(StrEnum):
    """What can be lacking."""

    EDGE = "edge"  # nothing leads there from here
    PREFLIGHT = "preflight"
    REASON = "reason"
    RATIONALE = "rationale"
    APPROVALS = "approvals"
    CONCERNS = "concerns"
    UNSEEN = "unseen"
    TIME = "time"
    UNITS = "units"
    PAIRS = "pairs"
    PROOF = "proof"
    MISSING = "missing"
    ALARM = "alarm"
    STEP = "step"  # there is no further step, or there still is one
    SHADOW = "shadow"  # the plan has one, or has none
    CAUSE = "cause"  # a person has to end this pause
    HALTS = "halts"  # people have paused it as often as they may
    EPOCHS = "epochs"  # counting has begun anew as often as it may


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is lacking, with the figures that say how much of it."""

    what: Lacking
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """All that guards look at. `reason` is what the person who acts has written."""

    rollout: Rollout
    evidence: Evidence
    read: Readings
    now: float
    people: People = UNASKED
    reason: str = ""

    @property
    def absent(self) -> list[str]:
        return absent(self.rollout.plan, self.evidence, self.now)


Guard = Callable[[Moment], Lack | None]

LAST_EPOCH: Final = MAX_EPOCHS - MAX_STEPS - 8  # before resuming begins no more: steps and ends have one each, too
CALM: Final = math.log(2)  # how far below its threshold log E of a signal falls before a pause ends by itself


def moment(rollout: Rollout, evidence: Evidence, now: float, people: People = UNASKED, reason: str = "") -> Moment:
    """Read the evidence and put it beside the rest."""
    read = readings(rollout.plan, evidence, srm_from=rollout.srm_from, accepted=rollout.accepted)
    return Moment(rollout, evidence, read, now, people, reason)


# --- time and evidence


def step_time(at: Moment) -> Lack | None:
    """The step has lasted long enough; pauses don't count."""
    left = at.rollout.step_since + at.rollout.plan.steps[at.rollout.step].min_time_s - at.now
    return Lack(Lacking.TIME, {"seconds": left}) if left > 0 else None


def step_units(at: Moment) -> Lack | None:
    """Each critical metric has judged enough units of the candidate in this step."""
    needed = at.rollout.plan.steps[at.rollout.step].min_units
    epoch = at.rollout.epoch
    critical = [each.metric.name for each in at.read.metrics if each.metric.kind is Kind.CRITICAL]
    fewest = min(at.evidence.candidate_units(name, epoch) for name in critical)
    return Lack(Lacking.UNITS, {"units": fewest, "needed": needed}) if fewest < needed else None


def more_steps(at: Moment) -> Lack | None:
    return Lack(Lacking.STEP) if at.rollout.plan.is_last(at.rollout.step) else None


def last_step(at: Moment) -> Lack | None:
    return None if at.rollout.plan.is_last(at.rollout.step) else Lack(Lacking.STEP)


def no_alarm(at: Moment) -> Lack | None:
    """Nothing speaks for harm, and the arms can be compared."""
    read = at.read
    alarms = {
        "harm": read.is_harmful,
        "signal": read.is_signalling,
        "srm": read.is_unequal,
        "feedback": bool(read.lopsided),
    }
    loud = [name for name, is_on in alarms.items() if is_on]
    return Lack(Lacking.ALARM, {"alarms": loud}) if loud else None


def heard_of_all(at: Moment) -> Lack | None:
    """No metric has fallen silent on either arm."""
    return Lack(Lacking.MISSING, {"metrics": at.absent}) if at.absent else None


def proven(at: Moment) -> Lack | None:
    """Every metric has been shown to do no harm."""
    return Lack(Lacking.PROOF, {"metrics": at.read.unproven()}) if not at.read.is_proven else None


def judged_proven(at: Moment) -> Lack | None:
    """So has every metric that a model judges: it may be trusted only since the others were proven."""
    judged = {each.metric.name for each in at.read.metrics if each.metric.is_judged}
    left = [name for name in at.read.unproven() if name in judged]
    return Lack(Lacking.PROOF, {"metrics": left}) if left else None


def overdue(at: Moment) -> Lack | None:
    """The deadline has passed."""
    left = at.rollout.started + at.rollout.plan.deadline_s - at.now
    return Lack(Lacking.TIME, {"seconds": left}) if left > 0 else None


def baked(at: Moment) -> Lack | None:
    left = at.rollout.since + at.rollout.plan.bake.min_time_s - at.now
    return Lack(Lacking.TIME, {"seconds": left}) if left > 0 else None


def shadowed(at: Moment) -> Lack | None:
    """The shadow has run for long enough with something to compare, or has lost and won enough pairs."""
    shadow = at.rollout.plan.shadow
    if shadow is None or at.evidence.pairs.both >= shadow.min_pairs:
        return None
    left = at.rollout.since + shadow.min_time_s - at.now
    found = {"pairs": at.evidence.pairs.both, "needed": shadow.min_pairs, "seconds": left}
    if left > 0:
        return Lack(Lacking.PAIRS, found)
    return None if PAIRS in at.evidence.heard else Lack(Lacking.MISSING, {"metrics": ["pairs"]})


def has_shadow(at: Moment) -> Lack | None:
    return Lack(Lacking.SHADOW) if at.rollout.plan.shadow is None else None


def has_no_shadow(at: Moment) -> Lack | None:
    return None if at.rollout.plan.shadow is None else Lack(Lacking.SHADOW)


def calmed_down(at: Moment) -> Lack | None:
    """The signal that paused it is well below its threshold, so that it does not pause again at the next event."""
    is_near = at.read.signal >= -math.log(at.rollout.plan.alpha) - CALM
    is_signal = at.rollout.pause is Pause.SIGNAL_METRIC
    return Lack(Lacking.ALARM, {"alarms": ["signal"]}) if is_signal and is_near else None


def ends_by_itself(at: Moment) -> Lack | None:
    """The pause is of a kind that ends with its cause."""
    is_automatic = at.rollout.pause in {Pause.SIGNAL_METRIC, Pause.NO_DATA}
    return None if is_automatic else Lack(Lacking.CAUSE, {"pause": at.rollout.pause})


def data_again(at: Moment) -> Lack | None:
    """Who resumes a rollout that had no data sees some again."""
    return heard_of_all(at) if at.rollout.pause is Pause.NO_DATA else None


def halts_left(at: Moment) -> Lack | None:
    """People have not paused it too often. Rows must end somewhere; nothing of this keeps anybody from a rollback."""
    halts = at.rollout.halts
    return Lack(Lacking.HALTS, {"halts": halts}) if halts >= MAX_HALTS else None


def epochs_left(at: Moment) -> Lack | None:
    """Resuming uneven assignments counts them anew, in an epoch of its own; enough are left for the way to the end."""
    is_new = at.rollout.pause is Pause.SRM
    return Lack(Lacking.EPOCHS, {"epochs": at.rollout.epoch}) if is_new and at.rollout.epoch >= LAST_EPOCH else None


# --- people


def preflight(at: Moment) -> Lack | None:
    """What is checked beforehand has passed, or somebody has written why not."""
    return None if at.people.has_passed_preflight or at.people.waiver.strip() else Lack(Lacking.PREFLIGHT)


def says_why(at: Moment) -> Lack | None:
    return None if at.reason.strip() else Lack(Lacking.REASON)


def rationale(at: Moment) -> Lack | None:
    return None if at.reason.strip() else Lack(Lacking.RATIONALE)


def start_approved(at: Moment) -> Lack | None:
    return _approved(at, at.rollout.plan.start)


def has_gate(rollout: Rollout) -> bool:
    """Whether somebody has to approve of going on from its step."""
    return rollout.plan.steps[rollout.step].gate and rollout.plan.approvals.count > 0


def unasked_gate(at: Moment) -> Lack | None:
    """The step has a gate, and people were not asked at it yet."""
    return None if has_gate(at.rollout) and not at.rollout.asked else Lack(Lacking.STEP)


def gate_approved(at: Moment) -> Lack | None:
    """People have approved of the evidence with which the gate was reached; before it was, nobody can have."""
    return _approved(at, at.rollout.plan.approvals) if has_gate(at.rollout) else None


def approved(at: Moment) -> Lack | None:
    return _approved(at, at.rollout.plan.approvals)


def no_concerns(at: Moment) -> Lack | None:
    """Every concern has been resolved, or accepted by name."""
    concerns = at.people.open_concerns
    return Lack(Lacking.CONCERNS, {"concerns": concerns}) if concerns else None


def seen_enough(at: Moment) -> Lack | None:
    """Who promotes has looked at the candidate's answers."""
    seen = at.people.seen
    return Lack(Lacking.UNSEEN, {"seen": seen, "needed": MUST_SEE}) if seen < MUST_SEE else None


def _approved(at: Moment, policy: Approvals) -> Lack | None:
    valid = at.rollout.approvers(at.people, policy, at.now)
    if len(valid) >= policy.count:
        return None
    found = {"approvals": len(valid), "needed": policy.count, "by": sorted(policy.by - valid)}
    return Lack(Lacking.APPROVALS, found)
