"""A guarded stream's events: the pieces of each text go through a hold-back of their own, the rest is judged as it is.

Every event comes out in two forms: as it is logged, and as the caller gets it, which differ where values are put back.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.chain import Chain
from llmgateway.guarding.channels import Channel, Channels, senseless
from llmgateway.guarding.gathered import Gathered
from llmgateway.guarding.holdback import HoldBack
from llmgateway.guarding.jsonhold import JsonHoldBack
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.restore import Restorer, restored_json
from llmgateway.guarding.told import Told
from llmgateway.guarding.unescaping import Unescaping
from llmgateway.guarding.unread import without_probabilities
from llmgateway.ports.shape import Pieces, Slot, StreamShape
from llmgateway.wire.jsoncodec import JsonError, decode, encode, unambiguous
from llmgateway.wire.replies import DONE
from llmgateway.wire.view import View

T = TypeVar("T", bytes, str)

_UNNAMED: Final = b"message"  # what an event without a name is called: it says of no type


class Passed(NamedTuple):
    """One event that may go on. `logged` and `given` are its data; mostly the same object."""

    name: bytes
    logged: bytes
    given: bytes


class GuardedStream:
    """Takes a stream's events in order; gives those that may go on, of which `gathered` keeps what they say.

    Raises Blocked, or GatewayError guardrail_unsupported for what can't be judged; gives nothing after that.
    """

    __slots__ = (
        "_beside",
        "_chain",
        "_channels",
        "_gathered",
        "_notes",
        "_placeholders",
        "_rest",
        "_shape",
        "_told",
        "at",
    )

    def __init__(
        self,
        chain: Chain,
        shape: StreamShape,
        notes: Notes,
        placeholders: Placeholders,
        gathered: Gathered | None = None,
    ) -> None:
        self._gathered = gathered
        self._chain = chain
        self._shape = shape
        self._notes = notes
        self._placeholders = placeholders
        self._channels = Channels()
        self._told = Told()
        self.at: tuple[Any, ...] | None = None  # the channel whose text is being judged: that of what was blocked
        self._rest = self._beside = Chain(chain.enforced, chain.echo)

    def rebind(self, chain: Chain) -> None:
        """Judge by this chain what begins from now on; texts that have begun keep theirs."""
        self._chain = chain
        self._rest = self._beside = Chain(chain.enforced, chain.echo)
        self._told = Told()

    def echo(self, data: bytes) -> list[Passed]:
        """Take an event that repeats what the model was told: whoever looks for that does not look."""
        self._beside = self._rest.unbound
        try:
            return self.event(b"", data)
        finally:
            self._beside = self._rest

    def event(self, name: bytes, data: bytes) -> list[Passed]:
        """Take one event."""
        self.at = None
        try:
            event = decode(data)
        except JsonError:
            if data.lstrip()[:1] in {b"{", b"["} and data.strip() != DONE:
                raise _broken() from None
            text = self._by_itself(Sieve.text, data.decode("utf-8", "replace")).encode()
            return [*self.finish(), Passed(name, text, text)]
        if not isinstance(event, dict):
            raise _broken()
        if name and event.get("type") != name.decode("latin-1"):
            name = self._by_itself(Sieve.text, name.decode("latin-1")).encode()
            if (
                "type" not in event and name != _UNNAMED
            ):  # some say it beside the data only, and clients take it from there
                event["type"] = name.decode()
                data = encode(event)
        pieces = self._shape.pieces(event)
        try:
            return self._judged(name, data, event, pieces)
        except TypeError:  # an index that is a list, or nested too deep to be written
            raise senseless() from None

    def _judged(self, name: bytes, data: bytes, event: Any, pieces: Pieces) -> list[Passed]:
        if pieces.slots and (pieces.is_known or any(slot.holder[slot.key] for slot in pieces.slots)):
            passed = self._with_pieces(name, data, event, pieces)
            for slot in pieces.slots:
                slot.holder[slot.key] = ""  # the event is kept, to carry what waits of its text
            return passed
        before = list(self._flush(pieces.ended))
        self.at = None
        data = encode(event) if pieces.is_altered else unambiguous(data, event)
        is_clean = pieces.is_known and self._is_clean(event)
        return [
            *before,
            self._whole(name, data if is_clean else self._by_itself(Sieve.json, without_probabilities(data))),
        ]

    def _by_itself(self, judge: Callable[[Sieve, T], T], about: T) -> T:
        """Judge what is no piece. What it repeats of pieces or of other events is not counted again."""
        seen = Notes()
        try:
            passed = judge(Sieve(self._beside, Stage.REPLY, seen, self._placeholders, is_strict=True), about)
        finally:
            self._notes.at_least(seen)
        if self._gathered is not None:
            self._gathered.take(passed)
        return passed

    def finish(self) -> list[Passed]:
        """The stream is over: give what waits."""
        return list(self.finishing())

    def finishing(self) -> Iterator[Passed]:
        """The same, one by one: where one text may not pass, those before it have gone on."""
        return self._flush(None)

    @property
    def is_waiting(self) -> bool:
        """Whether a text may go on, so that something of it may wait."""
        return self._channels.is_growing

    @property
    def has_texts(self) -> bool:
        """Whether it knows of texts that may go on, or be gone on with."""
        return bool(self._channels.by_key)

    @property
    def carried(self) -> int:
        """About how many bytes of events it keeps, to carry what waits of their texts."""
        return self._channels.carried

    def end(self, belongs: Callable[[Any], bool]) -> list[Passed]:
        """All groups that belong there are over: give what waits of their texts, and forget them. None may go on."""
        passed = list(self._flush(frozenset(key[0] for key in self._channels.by_key if belongs(key[0]))))
        self.forget(belongs)
        return passed

    def forget(self, belongs: Callable[[Any], bool]) -> None:
        """Forget these groups' texts, with what waits of them: their caller gets nothing more of them."""
        self._channels.forget(belongs)

    def decide(self) -> list[Passed]:
        """The stream has been silent for too long: give what waits as it is; what follows is judged beside it still."""
        return list(self.deciding())

    def deciding(self) -> Iterator[Passed]:
        """The same, one by one."""
        return (passed for key in self._channels.by_key for passed in self._decided(key))

    def _decided(self, key: tuple[Any, ...]) -> Iterator[Passed]:
        self.at, channel = key, self._channels.by_key[key]
        return self._carried(channel, channel.decide())

    def _with_pieces(self, name: bytes, data: bytes, event: Any, pieces: Pieces) -> list[Passed]:
        texts: list[tuple[Slot, str, str]] = []
        size = max(0, len(data) - sum(len(slot.holder[slot.key]) for slot in pieces.slots))
        is_known = pieces.is_known and self._is_clean(event, pieces.slots)
        is_same = is_known and not pieces.is_altered
        for slot in pieces.slots:
            text = slot.holder[slot.key]
            channel, self.at = self._channel(name, slot), slot.channel
            self._channels.carry(channel, slot, event, size)
            logged, given = self._feed(channel, slot, text, is_last=_ends(slot, pieces))
            channel.is_known = is_known
            self._channels.rest(channel)
            is_same = is_same and logged == text and given == text
            texts.append((slot, logged, given))
        before = list(self._flush(pieces.ended))
        if is_same:
            data = unambiguous(data, event)
            return [*before, Passed(name, data, data)]
        if pieces.is_bare and not any(logged or given for _, logged, given in texts):
            return before
        return [*before, self._written(name, event, texts, is_known=is_known)]

    def _written(self, name: bytes, event: Any, texts: list[tuple[Slot, str, str]], *, is_known: bool) -> Passed:
        if not is_known:
            at, self.at = self.at, None
            for slot, _, _ in texts:
                slot.holder[slot.key] = ""
            rest = decode(self._by_itself(Sieve.json, without_probabilities(encode(event))))
            self.at = at
            again = {slot.channel: slot for slot in self._shape.pieces(rest).slots}
            texts = [(again.get(slot.channel, slot), logged, given) for slot, logged, given in texts]
            event = rest
        for slot, logged, _ in texts:
            slot.holder[slot.key] = logged
        first = encode(event)
        if all(logged == given for _, logged, given in texts):
            return Passed(name, first, first)
        for slot, _, given in texts:
            slot.holder[slot.key] = given
        return Passed(name, first, encode(event))

    def _channel(self, name: bytes, slot: Slot) -> Channel:
        known = self._channels.by_key.get(slot.channel)
        if known is not None:
            return known
        restorer = Restorer(self._placeholders, is_json=slot.is_json)
        return self._channels.open(slot, name, self._hold(slot), restorer)

    def _feed(self, channel: Channel, slot: Slot, text: str, *, is_last: bool) -> tuple[str, str]:
        logged, given = channel.feed(text)
        if is_last:
            rest, more = channel.finish()
            logged, given = logged + rest, given + more
        if self._gathered is not None:
            self._gathered.grow(slot.channel, logged)
        return logged, given

    def _hold(self, slot: Slot) -> Unescaping | JsonHoldBack:
        def make(context: str) -> Unescaping:
            return Unescaping(HoldBack(self._chain, self._notes, self._placeholders, context=context))

        return JsonHoldBack(make, self._is_clean_text) if slot.is_json else make("")

    def _is_clean_text(self, text: str) -> bool:
        return not self._chain.enforced_hits(View(text))

    def _flush(self, groups: frozenset[Any] | None) -> Iterator[Passed]:
        """End the texts of these groups (None: all), with an event of their own for what they held."""
        if not self._channels.by_key or (groups is not None and not groups):
            return
        for key, channel in self._channels.by_key.items():
            if not channel.is_over and (groups is None or key[0] in groups):
                self.at = key
                yield from self._carried(channel, channel.finish())
                self._channels.rest(channel)

    def _carried(self, channel: Channel, said: tuple[str, str]) -> Iterator[Passed]:
        """An event of its own for what a channel has given."""
        if any(said) and channel.slot is not None:
            if self._gathered is not None:
                self._gathered.grow(channel.slot.channel, said[0])
            event, slot = self._shape.carrier(channel.carrier, channel.slot)
            name = str(event["type"]).encode() if channel.name and "type" in event else channel.name
            yield self._written(name, event, [(slot, *said)], is_known=channel.is_known)

    def _is_clean(self, event: Any, slots: Sequence[Slot] = ()) -> bool:
        """Whether all that an event of known form says beside its texts may pass as it is."""
        texts = [slot.holder[slot.key] for slot in slots]
        for slot in slots:
            slot.holder[slot.key] = ""
        beside = encode(event)
        is_clean = self._told.is_known(event, beside)
        if not is_clean and self._by_itself(Sieve.json, beside) == beside:
            self._told.remember(event)
            is_clean = True
        for slot, text in zip(slots, texts, strict=True):
            slot.holder[slot.key] = text
        return is_clean

    def _whole(self, name: bytes, data: bytes) -> Passed:
        return Passed(name, data, restored_json(data, self._placeholders))


def _ends(slot: Slot, pieces: Pieces) -> bool:
    """Whether the text of this slot has no more pieces."""
    return pieces.ended is None or slot.channel[0] in pieces.ended


def _broken() -> GatewayError:
    return GatewayError("upstream_protocol", "An event of the backend's stream is no JSON object.")
