"""Guardrails that must know what was asked: bound to one exchange, and put where they stand in its chains."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from llmgateway.guarding.chain import Chain
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.pieces import pieces_of
from llmgateway.ports.binding import Binding
from llmgateway.ports.judge import Piece


class Binder:
    """Asks each of these plug-ins once about a request, and makes chains with what they gave."""

    __slots__ = ("_echo", "_made")

    def __init__(
        self,
        plugins: Iterable[object],
        document: Mapping[str, Any],
        prompts: Iterable[str] = (),
        said: Iterable[Piece] = (),
    ) -> None:
        """`prompts`: what the operator may put in front of the request, which `document` does not have. `said`: the
        texts of a session, which has no document.
        """
        pieces = [*(Piece(prompt, "system") for prompt in prompts), *pieces_of(document), *said]
        self._made: dict[int, Any] = {id(each): cast(Binding, each).bind(document, pieces) for each in plugins}
        echo = document.get("instructions")
        self._echo = echo if isinstance(echo, str) else ""

    def bound(self, chain: Chain) -> Chain:
        """The chain of this exchange, in the same order; without those that have nothing to look for."""
        return chain.bound(self._made, self._echo)

    def judges(self, links: Iterable[JudgeLink]) -> tuple[JudgeLink, ...]:
        """The same of judges."""
        found = ((link, self._made.get(id(link.guardrail), link.guardrail)) for link in links)
        return tuple(replace(link, guardrail=plugin) for link, plugin in found if plugin is not None)
