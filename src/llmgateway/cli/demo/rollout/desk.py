"""The desk where the demo's people sit: the admin API, and the knobs of the pretend models."""

from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from llmgateway.cli.demo.stage import StuckError

TIMEOUT_S: Final = 30.0
Answer = dict[str, Any]


class RefusedError(StuckError):
    """The gateway would not do it; the message says why."""


class Desk:
    """Asks one gateway about one route. Raises RefusedError, and StuckError where nothing answers."""

    def __init__(self, session: aiohttp.ClientSession, admin_url: str, route: str) -> None:
        self._session = session
        self._admin = f"{admin_url}/admin/v1"
        self._rollout = f"{self._admin}/rollouts/{route}"

    async def rollout(self) -> Answer:
        """How the route's rollout is."""
        found: Answer = (await self._ask("GET", self._rollout))["rollout"]
        return found

    async def history(self, rollout: str) -> list[Answer]:
        """Its moves."""
        moves: list[Answer] = (await self._ask("GET", f"{self._rollout}/history?id={rollout}"))["transitions"]
        return moves

    async def act(self, what: str, who: str, body: Mapping[str, Any] | None = None, **query: str) -> Answer:
        """Start, approve, promote, look at exemplars: whatever can be done with it."""
        return await self._ask("POST", f"{self._rollout}/{what}", who, params=query, json=body)

    async def publish(self, text: str, who: str, reason: str) -> None:
        """Put a configuration in force."""
        await self._ask(
            "PUT",
            f"{self._admin}/config",
            who,
            params={"reason": reason},
            data=text.encode(),
            headers={"If-Match": "*", "Content-Type": "application/toml"},
        )

    async def turn(self, model_url: str, knobs: Mapping[str, Any]) -> None:
        """Have a pretend model behave otherwise from now on."""
        await self._ask("PUT", f"{model_url}/mock/knobs", json=dict(knobs))

    async def _ask(self, method: str, url: str, who: str | None = None, **more: Any) -> Answer:
        headers = {**more.pop("headers", {}), **({"x-llmgateway-author": who} if who else {})}
        try:
            async with self._session.request(method, url, headers=headers, **more) as reply:
                answer: Answer = await reply.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise StuckError(f"{method} {url} had no answer ({type(error).__name__}: {error})") from None
        if reply.status >= 400:
            raise RefusedError(f"{method} {url}: {reply.status} {answer.get('error', {}).get('message', '')}")
        return answer
