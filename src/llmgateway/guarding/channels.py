"""The texts of a guarded stream that grow piece by piece: each with its hold-back, until nobody may go on with it."""

from collections.abc import Callable
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.holdback import HoldBack, joined
from llmgateway.guarding.jsonhold import JsonHoldBack
from llmgateway.guarding.restore import Restorer
from llmgateway.guarding.unescaping import Unescaping
from llmgateway.ports.shape import Slot

MAX_CHANNELS: Final = 1_000  # texts of one reply at once: choices, calls, parts
MAX_GONE: Final = 10_000  # that have ended, and whose ends are forgotten
MAX_CARRIED: Final = 8 * 1024 * 1024  # bytes of the events that are kept to carry what waits

Key = tuple[Any, ...]


class Channel:
    """One text that comes in pieces. Once it has ended it is kept: if it goes on, that is judged beside its end.

    `border`: what judges its beginning as what goes on from the text before, until nothing of that can reach it.
    """

    __slots__ = ("border", "burden", "carrier", "hold", "is_known", "is_over", "name", "restorer", "slot")

    def __init__(
        self, name: bytes, hold: Unescaping | JsonHoldBack, restorer: Restorer, border: HoldBack | None = None
    ) -> None:
        self.border = border
        self.name = name
        self.hold = hold
        self.restorer = restorer
        self.carrier: Any = None
        self.burden = 0  # bytes of the carrier
        self.is_known = False  # nothing has to be judged in the carrier
        self.is_over = False
        self.slot: Slot | None = None

    def feed(self, text: str) -> tuple[str, str]:
        self.is_over = False
        logged = self._over_border(joined(self.hold.feed(text)))
        return logged, self.restorer.feed(logged)

    def decide(self) -> tuple[str, str]:
        logged = self._over_border(joined(self.hold.decide()), is_last=True)
        return logged, self.restorer.feed(logged) + self.restorer.finish()

    def finish(self) -> tuple[str, str]:
        self.is_over = True
        logged = self._over_border(joined(self.hold.finish()), is_last=True)
        return logged, self.restorer.feed(logged) + self.restorer.finish()

    def following(self) -> HoldBack | None:
        """What judges the border to the next text; None where there is nothing to judge."""
        end = self.border or self.hold
        if not self.is_over or isinstance(end, JsonHoldBack) or end.is_settled:
            return None
        return end.following()

    def _over_border(self, text: str, *, is_last: bool = False) -> str:
        border = self.border
        if border is None:
            return text
        text = joined(border.feed(text))
        if border.is_settled:  # what it still holds begins behind the border
            text, self.border = text + border.held, None
        return text + joined(border.decide()) if is_last and self.border is not None else text


class Channels:
    """Those of one stream, by the channels of their slots."""

    __slots__ = ("_gone", "_rows", "by_key", "carried")

    def __init__(self) -> None:
        self.by_key: dict[Key, Channel] = {}
        self._gone: set[Key] = set()
        self._rows: dict[Any, Channel] = {}  # the latest of each
        self.carried = 0  # bytes of all carriers

    @property
    def is_growing(self) -> bool:
        """Whether a text may go on."""
        return any(not channel.is_over for channel in self.by_key.values())

    def open(self, slot: Slot, name: bytes, hold: Unescaping | JsonHoldBack, restorer: Restorer) -> Channel:
        """Begin the text of this slot. GatewayError guardrail_unsupported where there is no room for one more."""
        self._make_room(slot.channel)
        before = self._rows.get(slot.row) if slot.row is not None else None
        border = before.following() if before is not None else None
        channel = self.by_key[slot.channel] = Channel(name, hold, restorer, border)
        if slot.row is not None:
            self._rows[slot.row] = channel
        return channel

    def carry(self, channel: Channel, slot: Slot, event: Any, size: int) -> None:
        """Keep this event to carry what waits of the channel's text; `size` without its texts. GatewayError as `open`.

        An event that carries several is counted for each.
        """
        if self.carried + size - channel.burden > MAX_CARRIED:
            raise senseless()
        self.carried += size - channel.burden
        channel.carrier, channel.slot, channel.burden = event, slot, size

    def rest(self, channel: Channel) -> None:
        """Nothing waits of a text that is over: let go of what would have carried it."""
        if channel.is_over and channel.slot is not None:
            self.carry(channel, channel.slot._replace(holder=None), None, 0)

    def forget(self, belongs: Callable[[Any], bool]) -> None:
        """Forget the texts of these groups."""
        for key in [key for key in self.by_key if belongs(key[0])]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        channel = self.by_key.pop(key)
        self.carried -= channel.burden
        row = channel.slot.row if channel.slot is not None else None
        if self._rows.get(row) is channel:
            del self._rows[row]

    def _make_room(self, key: Key) -> None:
        """Forget a text that has ended where there are too many; it may not go on then."""
        if key in self._gone:
            raise senseless()
        if len(self.by_key) >= MAX_CHANNELS:
            over = next((other for other, channel in self.by_key.items() if channel.is_over), None)
            if over is None or len(self._gone) >= MAX_GONE:
                raise senseless()
            self._drop(over)
            self._gone.add(over)


def senseless() -> GatewayError:
    return GatewayError("guardrail_unsupported", "An event of the stream has another form than such events have.")
