"""Judges that take their time, and a session: each event of the caller's waits for them, and the next one behind it."""

from collections.abc import Awaitable, Callable, Sequence

from llmgateway.dataplane.bodies import asked_aside, read_aside
from llmgateway.dataplane.call import Call, Subject
from llmgateway.dataplane.guardedreply import ReplyGuard
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.places import Places
from llmgateway.guarding.session import GuardedSession
from llmgateway.guarding.sound import without_sound
from llmgateway.guarding.steps import Step
from llmgateway.guarding.watching import said
from llmgateway.ports.judge import Piece
from llmgateway.wire.jsoncodec import decode


def must_be_asked(guard: Guard) -> list[JudgeLink]:
    """Those whom an event must wait for, those that redact first. Who only flags is not asked in sessions."""
    links = [link for link in guard.slow if link.must_answer]
    return sorted(links, key=lambda link: not link.redacts)


def asked_about(call: Call, session: GuardedSession, guard: ReplyGuard) -> Callable[[Step], Awaitable[Step]] | None:
    """What a lane asks about the steps of the caller's events; None where there is nobody to ask."""
    assert call.guard is not None
    links = must_be_asked(call.guard)
    redacting = [link for link in links if link.redacts]
    others = [link for link in links if not link.redacts]

    async def ask(step: Step) -> Step:
        try:
            for some in (redacting, others):
                if some:
                    await _redacted(call, some, step, guard)
        except (Blocked, GatewayError) as verdict:
            return session.refusal(verdict, step.about)
        return step

    return ask if links else None


async def _redacted(call: Call, links: Sequence[JudgeLink], step: Step, guard: ReplyGuard) -> None:
    """Have these look at what goes to the backend, and take out what they redact. Blocked, or GatewayError."""
    if call.gateway.consulting is None:
        raise GatewayError("guardrail_unavailable")
    places = Places(Stage.REQUEST)
    subject = Subject(Stage.REQUEST, await read_aside(step.texts), places=places)
    await call.gateway.consulting.consult(call, links, subject, guard.notes)
    if places.must_redact:
        size = sum(len(each) for each in step.to_backend)
        step.to_backend, step.texts = await asked_aside(size, _taken_out, step.to_backend, places, guard.placeholders)


def _taken_out(
    messages: Sequence[bytes], places: Places, placeholders: Placeholders
) -> tuple[list[bytes], Sequence[Piece]]:
    """Messages as they go on, and their texts."""
    redacted = [places.redacted(each, placeholders) for each in messages]
    return redacted, [piece for each in redacted for piece in said(without_sound(decode(each)))]
