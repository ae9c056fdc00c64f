"""Where the gateway of a configuration file is: its data folder, and its admin listener with the token to ask it.

Only the tables that say so are read: at three in the morning the file may be half edited, or its secrets may be another
user's, and the log and the live view must still be found.
"""

import http.client
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import typer

from llmgateway.cli.errors import MISUSED, fail

if TYPE_CHECKING:
    from llmgateway.config.schema import AdminTable, Table

    T = TypeVar("T", bound=Table)

CONFIG: Final = Path("config.toml")
CONFIG_ENV: Final = "LLMGATEWAY_CONFIG"
TOKEN_ENV: Final = "LLMGATEWAY_ADMIN_TOKEN"  # noqa: S105  the variable's name
DEFAULT_URL: Final = "http://127.0.0.1:8081"
MAX_REPLY_BYTES: Final = 8 * 1024 * 1024
_HEADER: Final = re.compile(r"\s*\[\[?(?P<table>[^\[\]\n]+)\]")

UrlOption = Annotated[str | None, typer.Option("--url", help=f"The admin listener, such as {DEFAULT_URL}.")]
TokenEnvOption = Annotated[str, typer.Option("--token-env", help="Variable that holds the admin token.")]


@dataclass(frozen=True, slots=True)
class Source:
    """Where to ask, and with what."""

    url: str
    token: str | None
    token_env: str
    told: set[str] = field(default_factory=set, compare=False, repr=False)  # lines about it, each said once a command


class UnreachableError(Exception):
    """Nothing useful came back; the message says what to do."""


def data_folder(config: Path) -> Path:
    """The folder of `[data] dir`; leaves the program with what is wrong where the file can't tell."""
    from llmgateway.config.schema import DataTable

    table = _table(config, "data", DataTable, "or name the data folder with --data")
    return Path(table.dir)


def locate(config: Path | None, url: str | None, token_env: str) -> Source:
    """Find the admin listener: the URL if given, else the configuration's, else the usual place."""
    token = os.environ.get(token_env)
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            fail(f"--url needs a form like {DEFAULT_URL}", MISUSED)
        return Source(url.rstrip("/"), token, token_env)
    if config is None and not CONFIG.is_file():
        return Source(DEFAULT_URL, token, token_env)
    return _configured(config or CONFIG, token, token_env)


def data_plane(config: Path) -> str:
    """Where callers send requests; leaves the program where the file can't tell."""
    from llmgateway.config.schema import ServerTable

    table = _table(config, "server", ServerTable, "or say where the gateway is with --gateway")
    return f"{'http' if table.tls is None else 'https'}://{_reachable(table.listen.host)}:{table.listen.port}"


def there(file: Path, advice: str) -> Path:
    """A configuration file that is there; leaves the program where it is not. `advice`: what to do without one."""
    if not file.exists():
        fail(f"there is no {file}: name the configuration with --config or ${CONFIG_ENV}, {advice}", MISUSED)
    return file


def _reachable(host: str) -> str:
    """The host as one may connect to it, as it stands in a URL."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  not bound
    return f"[{host}]" if ":" in host else host


def _configured(file: Path, token: str | None, token_env: str) -> Source:
    from llmgateway.config.schema import AdminTable

    table = _table(file, "admin", AdminTable, "or name the admin listener with --url")
    if token is None and table.token is not None:
        token = _resolved(table, token_env)
    return Source(f"http://{_reachable(table.listen.host)}:{table.listen.port}", token, token_env)


def _resolved(table: "AdminTable", token_env: str) -> str:
    from llmgateway.config.secrets import SecretResolver

    assert table.token is not None
    secrets = SecretResolver(os.environ)
    token = secrets.resolve(table.token, ("admin", "token"))
    if secrets.faults:
        fail(f"admin.token: {secrets.faults[0][1]}; put the admin token into ${token_env}", MISUSED)
    return token.reveal()


def _table(file: Path, name: str, kind: type["T"], advice: str) -> "T":
    """One table of the file, whatever holds of the others."""
    from pydantic import ValidationError

    from llmgateway.config import source
    from llmgateway.config.problems import ConfigError

    text = ""
    try:
        text = source.read_text(there(file, advice))
        document = source.parse(text, str(file))
    except ConfigError as error:
        salvaged = _only(text, name)
        if salvaged is None:
            fail(f"{error}\nPut it right, {advice}.", MISUSED)
        typer.echo(f"{error}\nOnly its [{name}] was read.", err=True)
        document = salvaged
    try:
        return kind.model_validate(document.get(name, {}))
    except ValidationError:
        fail(f"{file}: [{name}] does not hold: `llmgateway check {file}` says why. Put it right, {advice}.", MISUSED)


def _only(text: str, name: str) -> dict[str, Any] | None:
    """One table of a text that is no TOML as a whole, with the tables inside of it; None where it can't be told."""
    import tomllib

    lines, is_inside = [], False
    for line in text.splitlines():
        if found := _HEADER.match(line):
            is_inside = found["table"].split(".")[0].strip() == name
        if is_inside:
            lines.append(line)
    try:
        return tomllib.loads("\n".join(lines)) or None
    except ValueError:
        return None


def ask(
    source: Source,
    method: str,
    path: str,
    timeout_s: float,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str | bytes] = MappingProxyType({}),
    tells_whose: bool = False,
) -> tuple[int, bytes]:
    """Ask the admin listener: status and body. Raises UnreachableError where nothing of HTTP answers.

    `tells_whose`: something may change, so standard error says which gateway was asked.
    """
    parts = urlsplit(source.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    token = {"Authorization": f"Bearer {source.token}"} if source.token else {}
    try:
        connection.request(method, parts.path + path, body=body, headers={**token, **headers})
        answer = connection.getresponse()
        if tells_whose:
            _tell_whose(source, answer.headers)
        return answer.status, answer.read(MAX_REPLY_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(
            f"nothing answers at {source.url} ({_reason(error)}). Is the gateway running (`llmgateway serve`)? "
            "If it listens elsewhere, say where with --url or --config."
        ) from None
    finally:
        connection.close()


def _tell_whose(source: Source, headers: Message) -> None:
    """Say once a command which gateway it acts on: more than one may run here, and the usual place is anybody's."""
    named = (("config", headers.get("x-llmgateway-config")), ("data", headers.get("x-llmgateway-data")))
    paths = ", ".join(f"{name} {unquote(path)}" for name, path in named if path)
    line = _one_line(f"gateway {source.url}" + (f" ({paths})" if paths else ""))
    if line not in source.told:
        source.told.add(line)
        typer.echo(line, err=True)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def understood(source: Source, status: int, body: bytes, *, has: str) -> Mapping[str, Any]:
    """The JSON object that an endpoint answers with, known by its member `has`; raises UnreachableError."""
    from llmgateway.wire.jsoncodec import decode

    if status == 401:
        sent = " and another one than it was sent" if source.token else ""
        raise UnreachableError(f"{source.url} wants the admin token{sent}: put it into ${source.token_env}.")
    try:
        view = decode(body)
    except ValueError:
        view = None
    if isinstance(view, dict) and has in view and status < 500:
        return view
    if isinstance(view, dict) and isinstance(view.get("error"), dict) and "message" in view["error"]:
        raise UnreachableError(f"{source.url} answers {status}: {_one_line(view['error']['message'])}")
    raise UnreachableError(f"{source.url} answers ({status}), but is no admin listener of llmgateway.")


def _one_line(text: object) -> str:
    from llmgateway.telemetry.redact import one_line

    return one_line(str(text))
