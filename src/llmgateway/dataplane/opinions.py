"""What judges say of a reply, whole or as far as it has come."""

from collections.abc import Sequence

from llmgateway.dataplane.bodies import asked_aside, read_aside, size_of
from llmgateway.dataplane.call import Call, Subject
from llmgateway.dataplane.guardedflow import blocked
from llmgateway.dataplane.guardedreply import GuardedReply
from llmgateway.dataplane.reply import Reply, Way
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.gathered import Strings, beside
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.judging import JudgeLink, judge_read, note_failure, shown_to
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.pieces import Said as Text
from llmgateway.guarding.pieces import pieces_of, texts_of_reply
from llmgateway.guarding.places import Places
from llmgateway.guarding.trust import Said
from llmgateway.ports.judge import Piece
from llmgateway.wire.jsoncodec import JsonError, decode


class Opinion:
    """One exchange's judges of replies: `links`, some of which must answer before the caller gets what they look at.

    `asked`: what was said before, where no request says it.
    """

    def __init__(self, call: Call, links: Sequence[JudgeLink], asked: Sequence[Piece] | None = None) -> None:
        self._call = call
        self._context = asked
        self._read: Sequence[Piece] | None = None
        self.links = links

    @property
    def must_answer(self) -> bool:
        """Whether a reply has to wait for them."""
        return any(link.must_answer for link in self.links)

    async def ask(self, links: Sequence[JudgeLink], pieces: Sequence[Piece], places: Places | None = None) -> None:
        """Have these look at texts of the reply. GatewayError guardrail_blocked or guardrail_unavailable.

        Without `places`, which take what is found, nothing can be redacted: it is blocked.
        """
        if not links:
            return
        call = self._call
        notes = call.notes = call.notes or Notes()
        quick, slow = [link for link in links if not link.is_slow], [link for link in links if link.is_slow]
        try:
            pieces = await read_aside(pieces)
            await asked_aside(size_of(pieces), judge_read, quick, pieces, Stage.REPLY, notes)
            if slow:
                if call.gateway.consulting is None:
                    raise GatewayError("guardrail_unavailable")
                subject = Subject(Stage.REPLY, pieces, await self._asked(), places)
                await call.gateway.consulting.consult(call, slow, subject, notes)
        except Blocked as verdict:
            raise blocked(verdict) from None

    async def whole(self, reply: Reply) -> None:
        """Have all of them look at a reply that is there whole: first those that redact, then the others at what is
        left. Errors as `ask` and `texts_so_far`.
        """
        try:
            said: Sequence[Text] = await texts_so_far(reply)
        except GatewayError:
            if self.must_answer:
                raise
            self._note_unheard()
            return
        redacting = [link for link in self.links if link.redacts]
        if redacting:
            said = await self._redacted(redacting, said, reply)
        await self.ask_of([link for link in self.links if not link.redacts], said)

    async def _redacted(self, links: Sequence[JudgeLink], said: Sequence[Text], reply: Reply) -> Sequence[Text]:
        """What a reply says without what these find in it; where that can't be taken out, it is blocked."""
        guarded = reply if isinstance(reply, GuardedReply) and reply.way is Way.WHOLE else None
        places = Places(Stage.REPLY)
        await self.ask_of(links, said, places if guarded is not None else None)
        if guarded is None or not places:
            return said
        await guarded.redact(places)
        return await texts_so_far(reply)

    def _note_unheard(self) -> None:
        notes = self._call.notes = self._call.notes or Notes()
        for link in self.links:
            note_failure(link, Said.UNAVAILABLE, Stage.REPLY, notes)

    async def ask_of(self, links: Sequence[JudgeLink], said: Sequence[Text], places: Places | None = None) -> None:
        """Have these look at those texts of a whole reply that are for them; errors as `ask`."""
        choosy = [link for link in links if hasattr(link.guardrail, "looks_at")]
        await self.ask([link for link in links if link not in choosy], [each.piece for each in said], places)
        for link in choosy:
            await self.ask([link], shown_to(link, said), places)

    async def _asked(self) -> Sequence[Piece]:
        """What the request said, or what was said before, as judges read it."""
        if self._read is None:
            context, request = self._context, self._call.request
            if context is None:
                body, document = (request.body, request.document) if request is not None else (b"", None)
                context = await asked_aside(len(body), pieces_of, document or {})
            self._read = await read_aside(context)
        return self._read


def opinion_of(call: Call, reply: Reply) -> Opinion | None:
    """The judges of a reply; None where there are none, or nothing for them: what backends refuse is not judged."""
    guard = call.guard
    if guard is None or not guard.reply_judges or not reply.is_ok or reply.way not in {Way.WHOLE, Way.EVENTS}:
        return None
    return Opinion(call, guard.reply_judges)


async def texts_so_far(reply: Reply) -> list[Text]:
    """The texts of a reply, as far as it has come. GatewayError guardrail_unsupported where not all is kept of it."""
    reader, is_stream = reply.reader, reply.way is Way.EVENTS
    if reply.flow is not None:
        reply.flow.catch_up()
    gathered = reply.gathered if isinstance(reply, GuardedReply) else None
    if reader.is_truncated or (gathered is not None and gathered.is_full):
        raise GatewayError("guardrail_unsupported", "The reply is too long for the route's guardrails.")
    body = reader.message() if is_stream else reply.body()
    if is_stream and (reader.parse_errors or (body is None and reader.has_content)):
        raise GatewayError("guardrail_unsupported")  # events that make no sense, or of a form that nobody knows
    strings = gathered.strings() if gathered is not None else ()
    return await asked_aside(reply.size, _texts, body or b"", strings)


def _texts(body: bytes, strings: Strings) -> list[Text]:
    try:
        said = texts_of_reply(decode(body))
    except JsonError:
        said = [Text((), Piece(body.decode("utf-8", "replace"), "assistant"))] if body else []
    return [*said, *beside(said, strings)]
