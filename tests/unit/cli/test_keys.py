"""`llmgateway keys new`: a key, once, and the table that lets it in."""

import json

from tests.unit.config.conftest import TEXT
from typer.testing import CliRunner

from llmgateway.cli.main import app
from llmgateway.config.loader import load
from llmgateway.config.minting import hash_of, is_whole

runner = CliRunner()


def test_stdout_has_the_key_and_a_table_that_loads() -> None:
    result = runner.invoke(app, ["keys", "new", "--name", "web.shop"])
    key, block = result.stdout.split("\n", 1)
    assert result.exit_code == 0
    assert is_whole(key)
    assert key not in block
    assert key not in result.stderr
    snapshot = load(TEXT + block.strip(), providers=("openai",), generation=1, environ={})
    assert [each.name for each in snapshot.keys.values()] == ["app", "web.shop"]


def test_json_for_programs() -> None:
    told = json.loads(runner.invoke(app, ["keys", "new", "--json"]).stdout)
    assert told["name"] == "app"
    assert told["hash"] == hash_of(told["key"])
    assert told["hash"] in told["toml"]


def test_two_keys_differ() -> None:
    one, other = (runner.invoke(app, ["keys", "new"]).stdout.split("\n")[0] for _ in range(2))
    assert one != other


def test_a_name_that_toml_or_metrics_could_not_hold_is_refused() -> None:
    result = runner.invoke(app, ["keys", "new", "--name", "a b"])
    assert result.exit_code == 2
    assert "--name" in result.output
