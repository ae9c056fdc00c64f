"""README as a newcomer follows it: its configuration, its commands and its program are run as they stand there.

Only ports, folder and the backend's address are others here: a pretend model stands in for the provider.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.support.gateway import prepare

README = Path(__file__).parents[2].joinpath("README.md").read_text()
ENVIRON = {**os.environ, "OPENAI_API_KEY": "sk-test", "COLUMNS": "80"}
LISTENERS = (
    '[server]\nlisten = "127.0.0.1:{port}"\n[admin]\nlisten = "127.0.0.1:{admin_port}"\n[data]\ndir = "{data}"\n'
)


def block(language, having):
    """The one block of code that holds some words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (found,) = [each for each in blocks if having in each]
    return found


def lines_to_type(text):
    return [re.sub(r"\s+# .*", "", line[2:]) for line in text.splitlines() if line.startswith("$ ")]


def run(line, folder):
    """Type a line of README in `folder`; what it prints. Fails when it does."""
    program, *words = shlex.split(line)
    assert program == "llmgateway"
    command = [sys.executable, "-m", "llmgateway", *words]
    done = subprocess.run(command, cwd=folder, env=ENVIRON, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def model():
    """`llmgateway model-server`; its base_url."""
    command = [sys.executable, "-m", "llmgateway", "model-server", "--port", "0", "--json", "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())["url"] + "/v1"
        process.stdin.close()
        process.wait(10)


@pytest.fixture
def gateway(tmp_path, model):
    """The gateway of README's configuration, running; `folder` of the configuration is where commands are typed."""
    text = LISTENERS + block("toml", "# config.toml").replace("https://api.openai.com/v1", model)
    gateway = prepare(text, tmp_path, ENVIRON)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.stop()


def test_the_lines_of_use_it_work_in_their_order(tmp_path):
    export, check, keys, serve = lines_to_type(block("console", "llmgateway check"))
    tmp_path.joinpath("config.toml").write_text(block("toml", "# config.toml"))
    assert export.startswith("export OPENAI_API_KEY=")
    assert "config.toml is valid" in run(check, tmp_path)
    key, table = run(keys, tmp_path).split("\n", 1)
    assert key.startswith("lgw_")
    with tmp_path.joinpath("config.toml").open("a") as file:
        file.write(table)
    assert "valid" in run(check, tmp_path)
    assert serve == "llmgateway serve --config config.toml"  # the other tests run it


def test_the_program_and_every_line_of_watch_it_work(gateway, tmp_path):
    program = block("python", "from openai import OpenAI")
    program = program.replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}").replace("lgw_…", "lgw_any")
    subprocess.run([sys.executable, "-c", program], env=ENVIRON, check=True, timeout=60)
    table = re.search(r"^\| command \|.*?\n\n", README, re.MULTILINE | re.DOTALL)
    assert table
    said = {line: _watched(line, gateway, tmp_path) for line in re.findall(r"^\| `([^`]+)` \|", table[0], re.MULTILINE)}
    assert len(said) == 16
    assert "Good morning" in said["llmgateway logs show last"]
    assert "Good morning" in tmp_path.joinpath("log.jsonl").read_text()
    assert "assistant" in said["llmgateway logs tail"]
    assert "assistant" in said["llmgateway top"]
    assert "current is the likeliest (90 %)" in said["llmgateway routes explain --route assistant"]
    assert "generation 2 is in force" in said["llmgateway routes weight assistant current=50 next=50"]
    assert said["llmgateway events"] == "", "the model answers, so nothing has happened by itself"
    assert "assistant/next" in said["llmgateway backends list"]
    assert "generation 2 is in force: the file has not changed" in said["llmgateway reload"]
    assert "llmgateway_requests_total" in said["curl 127.0.0.1:8081/metrics"]


def _watched(line, gateway, folder):
    """One line of the table; those that would go on for ever are told to stop."""
    if line.startswith("curl "):
        url = line.removeprefix("curl ").replace("127.0.0.1:8081", f"http://127.0.0.1:{gateway.admin_port}")
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.read().decode()
    endless = {"llmgateway top": " --once", "llmgateway logs tail": " --no-follow"}
    return run(line + endless.get(line, ""), folder)


def test_the_demo_prints_what_the_readme_shows(tmp_path):
    shown = README.partition("<!-- demo:begin -->")[2].partition("<!-- demo:end -->")[0]
    command = [sys.executable, "-m", "llmgateway", "demo", "--once", "--requests", "80"]
    environ = {**ENVIRON, "TMPDIR": str(tmp_path)}
    said = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True).stdout
    said += "Try it, in another terminal\nServing until Ctrl-C.\n"  # what --once says otherwise
    real = {_shape(line) for line in said.splitlines()}
    lines = [line for line in shown.splitlines() if line.strip() and not line.startswith(("```", "$ make demo", "…"))]
    assert len(lines) > 30
    assert [line for line in lines if _shape(line) not in real] == []


def _shape(line):
    """A line without what is another each time: figures, ids, quotes and folders."""
    line = re.sub(r"[│╭╮╰╯─█]", "", line).strip()
    if (
        re.match(r"(id|caller|version|request|reply|northern river.*)\b", line)
        or "…" in line
        or "”" in line
        and "(" in line
    ):
        return line.split()[0] if re.match(r"id|caller|version|request|reply", line) else ""
    line = re.sub(r"\S*llmgateway logs", "llmgateway logs", re.sub(r"/\S*/", "/", line))
    return re.sub(r"\s+", " ", re.sub(r"[\d.,]*\d", "#", line))
