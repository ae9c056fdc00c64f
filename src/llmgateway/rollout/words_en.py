"""What is said of a rollout, in English. `words_ja` has the same keys and the same figures."""

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "and": ", ",
    "time.days": "{days} d {hours} h",
    "time.hours": "{hours} h {minutes} min",
    "time.minutes": "{minutes} min {seconds} s",
    "time.seconds": "{seconds} s",
    "state.draft": "This is a draft: nobody gets the candidate.",
    "state.pending_start": "Ready to start: nobody gets the candidate yet.",
    "state.shadow": "The candidate answers copies of requests; no caller sees its answers.",
    "state.canary": "Step {step} of {steps}: {weight} of assignments go to the candidate.",
    "state.paused": "Paused at step {step} of {steps}, {weight} still go to the candidate: {pause}.",
    "state.awaiting_approval": "Shown to do no harm, and waiting for people. {weight} go to the candidate; the tests go on.",
    "state.promoting": "Promoted: workers are being told.",
    "state.bake": "Promoted: {weight} go to the candidate, the rest stays with the old version to compare.",
    "state.inconclusive": "The deadline passed with no proof of harm and none of the opposite. This never promotes by itself.",
    "state.rolling_back": "Being rolled back: workers are being told.",
    "state.succeeded": "Done: the candidate is the stable version.",
    "state.rolled_back": "Rolled back: nobody gets the candidate.",
    "state.aborted": "Given up by a person: nobody gets the candidate.",
    "state.superseded": "Another rollout took its place; nobody is given this candidate.",
    "pause.manual": "a person paused it",
    "pause.signal_metric": "a signal metric got worse",
    "pause.no_data": "a metric has judged nothing for too long",
    "pause.srm": "assignments do not follow the weights, so the versions can't be compared",
    "pause.controller_lost": "nobody was watching for a while",
    "pause.andon": "a reviewer pulled the cord",
    "pause.feedback": "users speak of one version more often than of the other, so what they say can't be compared",
    "lack.edge": "{event} is not possible from {state}.",
    "lack.over": "It is over already. {how}",
    "lack.preflight": "The checks beforehand have not passed, and nobody has written why they need not.",
    "lack.reason": "A reason has to be given.",
    "lack.rationale": "Who promotes has to write why.",
    "lack.approvals": "Approvals of this very version and evidence: {approvals} of {needed}.",
    "lack.approvals_by": "Approvals of this very version and evidence: {approvals} of {needed}. May approve: {by}.",
    "lack.concerns": "Open concerns: {concerns}. Each has to be resolved, or accepted by name with a reason.",
    "lack.unseen": "Whoever promotes reads {needed} of the candidate's answers first, drawn at random: `llmgateway rollout promote`"
    " shows them, and asks.",
    "lack.unseen_some": "Whoever promotes reads {needed} of the candidate's answers first, drawn at random, and was shown {seen} of"
    " them: `llmgateway rollout promote` shows them, and asks.",
    "lack.time": "Time: {time} more.",
    "lack.units": "Units of the candidate judged in this step: {units} of {needed}.",
    "lack.pairs": "Pairs that tell the versions apart: {pairs} of {needed}, or {time} more.",
    "lack.proof": "Not shown yet to do no harm: {metrics}.",
    "lack.missing": "Nothing heard lately from: {metrics}.",
    "lack.alarm": "Alarms that are on: {alarms}.",
    "lack.step": "This is not the step for it.",
    "lack.shadow": "The plan has another beginning.",
    "lack.cause": "A person has to end this pause.",
    "lack.halts": "People have paused it {halts} times, and no further pause is taken down: roll it back, or let the tests decide.",
    "lack.epochs": "Counting has begun anew {epochs} times, which is as often as it may: roll it back, and see why assignments are uneven.",
    "alarm.harm": "harm",
    "alarm.signal": "a signal metric",
    "alarm.feedback": "users who speak of one version more often than of the other",
    "alarm.srm": "assignments that don't follow the weights",
    "missing.nothing": "Nothing is missing for the next thing to happen.",
    "missing.some": "Still missing:",
    "metric.counts": "{metric}: {candidate_bad} of {candidate_units} units bad on the candidate, {stable_bad} of"
    " {stable_units} on the stable version.",
    "metric.range": "{metric}: the candidate's rate of bad events is {low} to {high} times the stable version's (lower end {alpha}"
    " sure, upper end {beta} sure, however often one looks).",
    "metric.harm": "{metric}: evidence of harm {e}, alone enough at {needed}. If the candidate were no worse than {r0} times"
    " the stable version, evidence this strong would come up in at most 1 of {e_at_least} such rollouts.",
    "metric.no_harm_seen": "{metric}: evidence of harm {e}, alone enough at {needed}. Up to 1 it says nothing.",
    "metric.safe": "{metric}: evidence of no harm {e}; {needed} show that the candidate is not {r_m} times as bad.",
    "metric.safe_ceiling": "{metric}: evidence of no harm {e}; {needed} show that the candidate is not both {r_m} times as bad and"
    " above {ceiling}.",
    "metric.said": "{metric}: evidence that users speak of one version more often than of the other: {e}. It pauses at {needed}.",
    "trust.advisory": "{metric}: a model judges this. It is shown and moves nothing: people have labelled {labels} of the {enough}"
    " exchanges that are needed, and agree with it by kappa {kappa}; it may pause from {pauses}, and roll back from {rolls_back}.",
    "trust.may_pause": "{metric}: a model judges this. On {labels} labelled exchanges people agree with it by kappa {kappa}: it may"
    " pause the rollout, and roll it back from {rolls_back}.",
    "trust.may_roll_back": "{metric}: a model judges this. On {labels} labelled exchanges people agree with it by kappa {kappa}: it"
    " may do what the plan says.",
    "trust.no_kappa": "unknown",
    "trust.changed": "{metric}: its judge (rubric, settings or model) is another one than when the rollout began. What it says now counts"
    " for nothing here, and nobody has agreed with it yet: put the old one back, or begin anew.",
    "corrected.candidate": "{metric}: corrected by what people said of {labelled} answers drawn at random, {rate} ({low} to {high}) of the"
    " candidate's {judged} judged answers are bad. This is shown and decides nothing.",
    "corrected.stable": "{metric}: corrected by what people said of {labelled} answers drawn at random, {rate} ({low} to {high}) of the"
    " stable version's {judged} judged answers are bad.",
    "all.harm": "Evidence of harm in all critical metrics together: {e}. It rolls back at {needed}.",
    "all.srm": "Evidence that assignments don't follow the weights: {e}. It pauses at {needed}.",
    "all.broken": "The candidate fails most of the time: no test is needed.",
    "zone": "Ratios between {r0} and {r_m} are the zone of indifference: there the tests may end either way, or not at all. That is"
    " how it is meant: such a difference is too small to insist on either answer.",
    "assumptions": "All this holds if assignment is by chance at the stated weight; if each unit counts once; if both versions are"
    " judged by the same rule after the same delay; and if sampling does not depend on the answer. It is about how"
    " often something is bad, not about how bad it is.",
}  # fmt: skip
