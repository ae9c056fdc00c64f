"""The demo's configuration: config.example.toml with ports that are free and a folder that goes away afterwards."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import tomlkit


@dataclass(frozen=True, slots=True)
class Setting:
    """Where everything of one demo is. `weights` are those of the route's versions, `models` what they call; `servers`
    are the pretend models' addresses by backend.
    """

    config: Path
    store: Path
    url: str
    admin_url: str
    route: str
    weights: dict[str, float]
    models: dict[str, str]
    servers: dict[str, str]


def example() -> Path:
    """The example that comes with the package."""
    return Path(__file__).parents[2] / "config.example.toml"


def default_port(document: Any, backend: str) -> int:
    """The port that a backend of the example expects its model on."""
    return urlsplit(document["backends"][backend]["base_url"]).port or 0


def free_port(wanted: int) -> int:
    """Return `wanted` if it can be listened on, else a port that the system finds free."""
    for port in (wanted, 0):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise OSError("no port is free on 127.0.0.1")


def prepare(document: Any, folder: Path, ports: dict[str, int], key_hash: str) -> Setting:
    """Write the example into `folder`, with `ports` for its backends and free ones for its listeners."""
    server, admin = (_listen(document[name]) for name in ("server", "admin"))
    document["data"]["dir"] = str(folder / "data")
    for name, port in ports.items():
        backend = document["backends"][name]
        backend["base_url"] = urlunsplit(urlsplit(backend["base_url"])._replace(netloc=f"127.0.0.1:{port}"))
    _name_key(document, key_hash)
    config = folder / "config.toml"
    config.write_text(tomlkit.dumps(document))
    route = next(iter(document["routes"]))
    versions = document["routes"][route]["versions"].unwrap()
    return Setting(
        config=config,
        store=folder / "data" / "store.sqlite3",
        url=f"http://{server}",
        admin_url=f"http://{admin}",
        route=route,
        weights={name: float(version.get("weight", 0)) for name, version in versions.items()},
        models={name: str(version.get("model", route)) for name, version in versions.items()},
        servers={name: f"http://127.0.0.1:{port}" for name, port in ports.items()},
    )


def _listen(table: Any) -> str:
    port = free_port(int(str(table["listen"]).rpartition(":")[2]))
    table["listen"] = f"127.0.0.1:{port}"
    return str(table["listen"])


def _name_key(document: Any, key_hash: str) -> None:
    """Let the demo's key in, under the name it has in the example."""
    document["keys"]["demo"]["hash"] = key_hash
