"""Port for guardrails that must know what was asked before they can judge what is answered.

To make one: give a guardrail (`ports.guardrail`) the member `bind`, and every case in its fixture a "request". It is
asked once an exchange, when the request has passed its own guardrails, with that request as it goes to the model. What
it gives is a plain guardrail, with both of the laws, and judges that exchange's reply: every attempt's, in whole texts
and in streams, a copy's too, and what is stored of it.

Such a guardrail is for replies alone, which its `stages` say: prompts are never shown to it. Where no request is known
it stands for itself and finds nothing. A judge (`ports.judge`) may have the same member, and gives a judge then. What
takes long to make of a request is remembered by the plug-in, within a bound, for other requests.

In a realtime session it is asked again whenever something new has been said, before the backend's next event is judged:
`document` is empty then, and `pieces` are the instructions and the system's texts, those that hold now first, and the
newest of what users, tools and the model have said.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from llmgateway.domain.verdict import Stage
from llmgateway.ports.guardrail import Guardrail
from llmgateway.ports.judge import Judge, Piece


class Binding(Protocol):
    """The members that such a guardrail has besides those of every guardrail."""

    stages: Sequence[Stage]  # (Stage.REPLY,)

    def bind(self, document: Mapping[str, Any], pieces: Sequence[Piece]) -> Guardrail | Judge | None:
        """Give what judges the reply to this request; None where there is nothing to look for, which costs nothing.

        `document` is the request's JSON, empty for what is none; `pieces` are its texts, with whose word each is.
        Before them are the prompts of the route's versions, as the system's: which version answers is not known yet.
        For a long request this runs beside the event loop, in a thread.
        """
        ...
