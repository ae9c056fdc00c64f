"""What is well formed and still must not start: open doors, and files that cannot be used."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path as File

from llmgateway.config.problems import Fault, Path, quoted
from llmgateway.config.schema import Config, HealthTable, TlsTable
from llmgateway.config.snapshot import Address, ProbeKind, Snapshot

_SHORTEST_TOKEN = 16
_SHORTEST_SECRET = 32


def open_doors(config: Config) -> Iterator[Fault]:
    """Refuse what would let strangers in, and what cannot work."""
    if not config.server.listen.is_loopback and not config.keys:
        yield (
            ("server", "listen"),
            f"{config.server.listen} is not a loopback address, and there is no key in [keys]: anyone could use"
            " the backends. Add a key (`llmgateway keys new`), or listen on 127.0.0.1",
        )
    if not config.admin.listen.is_loopback and config.admin.token is None:
        yield (
            ("admin", "listen"),
            f"{config.admin.listen} is not a loopback address, and [admin] has no token: anyone could read the log."
            " Set a token, or listen on 127.0.0.1",
        )
    if _collide(config.server.listen, config.admin.listen):
        yield ("admin", "listen"), "takes the port of [server]; the two need ports of their own"
    if config.server.limits.header_line > config.server.limits.header_block:
        yield ("server", "limits", "header_line"), "is larger than header_block"
    if config.server.limits.body > config.server.overload.max_body_memory // 8 * 7:
        reason = "holds no body of the size that [server.limits] body allows: an eighth of it is kept for small ones"
        yield ("server", "overload", "max_body_memory"), reason
    for name, backend in config.backends.items():
        if len({header.lower() for header in backend.headers}) < len(backend.headers):
            yield ("backends", name, "headers"), "names a header twice"
        yield from _odd_health(("backends", name, "health"), backend.health)


def _odd_health(path: Path, health: HealthTable) -> Iterator[Fault]:
    if health.probe is ProbeKind.CHAT and health.probe_model is None:
        yield (*path, "probe"), '"chat" needs a probe_model to ask'
    if "eject_max" in health.model_fields_set and health.eject_max < health.eject:
        yield (*path, "eject_max"), "is shorter than eject"


def _collide(one: Address, other: Address) -> bool:
    is_wide = bool({"0.0.0.0", "::"} & {one.host, other.host})  # noqa: S104 - compared, not bound
    return one.port == other.port != 0 and (is_wide or one.host == other.host)


def weak_secrets(snapshot: Snapshot) -> Iterator[Fault]:
    """Refuse an admin token that can be guessed where strangers can try, and a signing secret that can be at all."""
    token = snapshot.admin.token.reveal() if snapshot.admin.token else ""
    if 0 < len(token) < _SHORTEST_TOKEN and not snapshot.admin.listen.is_loopback:
        yield ("admin", "token"), f"must be at least {_SHORTEST_TOKEN} characters long on a public address"
    secret = snapshot.scores.token_secret.reveal() if snapshot.scores.token_secret else ""
    if 0 < len(secret) < _SHORTEST_SECRET:
        yield (
            ("scores", "token_secret"),
            f"must be at least {_SHORTEST_SECRET} characters long: whoever has one token can try",
        )


def unusable_files(config: Config) -> Iterator[Fault]:
    """Refuse certificates and keys that cannot be read, or do not belong together."""
    if config.server.tls:
        yield from _server_tls(config.server.tls)
    for name, backend in config.backends.items():
        if backend.ca_file is not None:
            yield from _authorities(backend.ca_file, ("backends", name, "ca_file"))


def _server_tls(tls: TlsTable) -> Iterator[Fault]:
    path: Path = ("server", "tls")
    faults = [((*path, name), reason) for name, file in tls if (reason := _unreadable(file))]
    yield from faults
    if faults:
        return
    try:
        # The password callback keeps OpenSSL from asking for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.cert, tls.key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError):
        yield path, "cert and key must be PEM files that belong together, the key without a password"


def _authorities(name: str, path: Path) -> Iterator[Fault]:
    if reason := _unreadable(name):
        yield path, reason
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(name)
    except (ssl.SSLError, OSError, ValueError):
        yield path, f"{quoted(name)} holds no certificates in PEM form"


def _unreadable(name: str) -> str:
    """The reason why the file cannot be read, or nothing."""
    if not File(name).is_file():
        return f"{quoted(name)} is not there, or is not a regular file"
    return "" if os.access(name, os.R_OK) else f"{quoted(name)} may not be read by this user"
