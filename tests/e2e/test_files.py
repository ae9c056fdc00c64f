"""What the gateway leaves on the disk is for its own user alone."""

from tests.support.gateway import running

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 1
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[routes.assistant.versions.v1]
backends = ["one"]
weight = 1
"""


def test_every_file_and_folder_is_for_the_gateways_user_alone():
    with running(CONFIG) as gateway:
        made = [gateway.data, *gateway.data.rglob("*")]
        names = {path.name for path in made}
        assert {"store.sqlite3", "config.toml", "control.sock", "lock"} <= names
        open_to_others = {
            str(path.relative_to(gateway.data)): oct(path.stat().st_mode)
            for path in made
            if path.stat().st_mode & 0o077
        }
        assert open_to_others == {}
