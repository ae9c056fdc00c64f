"""What the admin listener answers with: JSON, errors in one shape, and never a word about the server."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aiohttp import hdrs, web

from llmgateway.wire.jsoncodec import encode

CONFIG_HEADER: Final = "x-llmgateway-config"
DATA_HEADER: Final = "x-llmgateway-data"


def whose_headers(config: Path | None, data: Path) -> dict[str, str]:
    """Which gateway answers, by its file and its data folder: paths, percent-encoded."""
    paths = {DATA_HEADER: data} if config is None else {CONFIG_HEADER: config, DATA_HEADER: data}
    return {name: quote(bytes(path.absolute())) for name, path in paths.items()}


def bare(headers: Any) -> None:
    """Take the server's name out of a reply's headers, and keep it from being stored or guessed at on the way."""
    headers.popall(hdrs.SERVER, None)
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    headers.setdefault("X-Content-Type-Options", "nosniff")


class Reply(web.Response):
    """A whole response without a Server header."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        bare(self.headers)


class StreamReply(web.StreamResponse):
    """The same for a response that comes in pieces."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        bare(self.headers)


def reply(status: int, content: Any) -> web.Response:
    """A JSON reply."""
    return Reply(status=status, body=encode(content), content_type="application/json")


def refusal(status: int, code: str, message: str, **more: Any) -> web.Response:
    """An error reply; `message` never quotes what was sent. `more` stands beside it."""
    return reply(status, {"error": {"code": code, "message": message, **more}})
