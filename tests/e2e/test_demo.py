"""`llmgateway demo` as a newcomer runs it: real processes from end to end, and nothing left of them afterwards."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from llmgateway.cli.demo.rollout.scenes import RATIONALE

DEADLINE_S = 60
ROLLOUTS_S = 240  # two minutes are promised on a machine that does little else


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demo, with `folder` as the place for its temporary files."""
    process = subprocess.Popen(
        [sys.executable, "-m", "llmgateway", "demo", *arguments],
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for each in leftovers(folder):
            each.kill()
        process.communicate()


def leftovers(folder: Path) -> list[psutil.Process]:
    """Processes that run with `folder` for their temporary files: whatever the demo started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("TMPDIR") == str(folder):
                found.append(process)
    return found


def wait_until(is_so, what: str) -> None:
    until = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def assert_nothing_is_left(folder: Path) -> None:
    assert leftovers(folder) == []
    assert list(folder.glob("lgw-demo-*")) == []


def readme(part: str) -> list[str]:
    """The lines of one of README's pictures."""
    text = Path(__file__).parents[2].joinpath("README.md").read_text()
    return text.partition(f"<!-- {part}:begin -->")[2].partition(f"<!-- {part}:end -->")[0].splitlines()


def is_kept(line: str) -> bool:
    """A line that is the same in every run, but for its figures."""
    return re.match(r" *[\d.]+ s  |── Roll|assistant:| metric|│ ✓|callers:|The trust|  harm: were", line) is not None


def shape(line: str) -> str:
    """A line without its figures, and without the width that they take."""
    return re.sub(r"\s+", " ", re.sub(r"[\d.,]*\d(e[+-]\d+)?", "#", line)).strip()


def test_once_shows_everything_in_80_columns_and_leaves_nothing_behind(tmp_path):
    with demo(tmp_path, "--once", "--requests", "80") as process:
        said, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, said + errors
        assert_nothing_is_left(tmp_path)
    assert errors == ""
    for part in ("Traffic of route", "v1", "v2", "p99", "One exchange, as logged", "curl ", "logs tail", "top"):
        assert part in said
    assert all(len(line) <= 80 for line in said.splitlines() if "--config" not in line)
    assert said.count("/config.toml\n") == 5, "commands are there to be copied: never cut, never wrapped"
    assert "unexpected" not in said


def test_json_is_the_summary_and_every_request_is_in_the_log(tmp_path):
    with demo(tmp_path, "--once", "--json", "--requests", "200") as process:
        said, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, said + errors
    summary = json.loads(said)
    assert summary["sent"] == summary["logged"] == 200
    assert summary["unexpected"] == {}
    assert summary["staged"] == {"stumble": 5, "mistake": 5, "down": 5, "cut": 5}
    assert summary["answered"] == 185
    one, two = summary["shares"]
    assert (one["version"], two["version"]) == ("v1", "v2")
    assert one["count"] + two["count"] == 200
    assert abs(one["got"] - one["wanted"]) < 0.1
    assert all(set(summary["latency"][name]) == {"p50", "p95", "p99"} for name in ("answer", "first_token", "overhead"))
    assert summary["exchange"]["attempts"][0]["result"] == "ok"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_on_until_it_is_told_to_stop(tmp_path, number):
    with demo(tmp_path, "--json", "--requests", "8") as process:
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if line == "}\n":
                break
        url = json.loads(text)["urls"]["gateway"].removesuffix("/v1")
        with urllib.request.urlopen(f"{url}/livez", timeout=5) as reply:
            assert reply.status == 200
        process.send_signal(number)
        assert process.wait(20) == 0
        assert_nothing_is_left(tmp_path)


def test_stopped_while_it_starts_it_leaves_nothing_behind(tmp_path):
    with demo(tmp_path) as process:
        wait_until(lambda: len(leftovers(tmp_path)) > 1, "no child was started")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert_nothing_is_left(tmp_path)


def test_a_child_that_dies_is_named(tmp_path):
    with demo(tmp_path, "--json", "--requests", "8") as process:
        assert process.stdout is not None
        while process.stdout.readline() not in {"}\n", ""}:
            pass
        victim = next(each for each in leftovers(tmp_path) if "model-server" in each.cmdline())
        victim.kill()
        assert process.wait(20) == 1
        assert process.stderr is not None
        said = process.stderr.read()
        assert_nothing_is_left(tmp_path)
    assert "error: model server" in said
    assert "SIGKILL" in said


def test_other_ports_are_chosen_when_the_usual_ones_are_taken(tmp_path):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody else listens there: as good
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        with demo(tmp_path, "--once", "--json", "--requests", "8") as process:
            said, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, said + errors
    assert json.loads(said)["urls"]["gateway"] != "http://127.0.0.1:8080/v1"


def test_a_broken_configuration_says_what_is_wrong(tmp_path):
    broken = tmp_path / "broken.toml"
    text = Path(__file__).parents[2].joinpath("config.example.toml").read_text()
    broken.write_text(text.replace("workers = 2", 'workers = "many"'))
    with demo(tmp_path, "--once", "--config", str(broken)) as process:
        said, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 1
        assert_nothing_is_left(tmp_path)
    assert "llmgateway serve ended with exit code" in errors
    assert "workers" in errors


def test_a_rollout_goes_right_and_one_goes_wrong(tmp_path):
    report = tmp_path / "report.html"
    with demo(tmp_path, "--rollout", "--once", "--report", str(report)) as process:
        said, errors = process.communicate(timeout=ROLLOUTS_S)
        assert process.returncode == 0, said + errors
        assert_nothing_is_left(tmp_path)
    assert errors == ""
    for part in (
        "Ann (a pretend reviewer) reads 10 random answers of v2",
        "Ann (a pretend reviewer) promotes it",
        "✓ v2 went through every step: succeeded",
        "✓ v3 began to fail: rolled back by the gateway",
        "0 errors",
        "0 cut",
        "rollout history assistant",
    ):
        assert part in said
    assert "✗" not in said
    assert all(len(line) <= 80 for line in said.splitlines() if "--config" not in line and "file://" not in line)
    assert report.as_uri() in said
    told = {shape(line) for line in said.splitlines()}
    assert [line for line in readme("rollout") if is_kept(line) and shape(line) not in told] == []
    text = report.read_text()
    for part in ("<svg", "v2", "v3", "succeeded", "rolled", "Ann (a pretend reviewer)", RATIONALE):
        assert part in text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--rollout", "--requests", "5"), "no --requests"),
        (("--rollout", "--config", "config.toml"), "no --config"),
        (("--report", "report.html"), "only --rollout writes a trust report"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(tmp_path, words, why):
    with demo(tmp_path, *words) as process:
        said, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 2, said + errors
        assert why in " ".join(errors.replace("│", " ").split())
