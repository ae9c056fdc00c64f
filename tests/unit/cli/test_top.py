"""`llmgateway top`: finds the admin listener, shows what it says, helps when there is none."""

import http.server
import io
import json
import threading

import pytest
import typer
from rich.console import Console
from tests.support.control import AT, row, status
from typer.testing import CliRunner

from llmgateway.cli import top
from llmgateway.cli.top import fetch, screen, span, troubles
from llmgateway.cli.whereabouts import TOKEN_ENV, Source, UnreachableError
from llmgateway.controlplane.ingest import Lag
from llmgateway.controlplane.labels import Labels
from llmgateway.controlplane.live import Recent
from llmgateway.controlplane.overview import MAX_ALARMS, Status, overview
from llmgateway.controlplane.worker import WorkerState
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.wire.jsoncodec import decode, encode

TOKEN = "canary-token"


def view(*, rows=True, lag=True, **changes):
    """What the admin API really sends, not a copy of it."""
    recent = Recent(ManualClock(time=AT + 2), Labels({"chat": ("v1",)}))
    recent.observe([row(), row(end="timeout", status=504)] if rows else [])
    facts = {
        "version": "0.1.0",
        "generation": 3,
        "uptime_s": 7_500.0,
        "unready": [],
        "starts": {0: 2},
        "task_failures": {"ingest": 0},
        "lag": Lag(0.4, 0, 2_048, 1) if lag else None,
        "store_error": None,
    }
    workers = [WorkerState.read(status(0), 98.0), WorkerState.read(status(1), 10.0)]
    return decode(encode(overview(recent, workers, Status(**(facts | changes)), 100.0)))


def test_an_alarm_that_lasts_has_a_line_and_backends_have_only_their_own():
    alarms = [
        GatewayEvent("e1", 5.0, EventKind.JUDGE, "silent", EventSeverity.ALARM, "nobody\x1b judges"),
        GatewayEvent("e2", 5.0, EventKind.BACKEND, "ejected", EventSeverity.ALARM, "it is out"),
    ]
    given = view(alarms=alarms)
    assert [each["id"] for each in given["alarms"]] == ["e1", "e2"]
    assert "alarm e1: nobody\\u001b judges" in troubles(given)
    assert not any("e2" in each for each in troubles(given))
    assert len(view(alarms=alarms * 100)["alarms"]) == MAX_ALARMS


def shown(given):
    out = io.StringIO()
    Console(file=out, width=200, highlight=False, color_system=None).print(screen(given))
    return out.getvalue()


@pytest.fixture
def gateway():
    """A listener that answers like the admin API; `reply` is what it sends, `seen` what it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.seen.append((self.path, self.headers.get("Authorization")))
            code, body = self.server.reply
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.reply = [], (200, json.dumps(view()).encode())
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments, **options):
    app = typer.Typer()
    top.register(app)
    return CliRunner().invoke(app, list(arguments), **options)


def test_in_a_small_terminal_figures_are_whole_and_what_is_wrong_comes_first(monkeypatch):
    given = view(unready=["worker 1 has not started"])
    wide = shown(given).splitlines()
    assert wide.index("! worker 1 has not started") < min(at for at, line in enumerate(wide) if "version" in line)
    monkeypatch.setattr(top, "room", lambda: 60)
    narrow = shown(given).splitlines()
    lists = [line for line in narrow if line.startswith(" ")]
    assert max(map(len, lists)) <= 60
    assert not any("…" in line for line in lists)
    assert "no room for: 1st50" in "\n".join(narrow)
    assert "no room for" not in "\n".join(wide)


def test_rates_of_the_first_minute_are_said_to_be_too_low():
    assert "up for less than 60 s: rates are still too low" in shown(view(uptime_s=18.0))
    assert "too low" not in shown(view(uptime_s=60.0))


def test_into_a_pipe_goes_all_of_it_whatever_is_said_of_its_width(gateway):
    given = view()
    given["versions"][0]["version"] = name = "a-version-with-a-long-name-" * 4
    gateway.reply = (200, json.dumps(given).encode())
    shown = run("--url", gateway.url, env={"COLUMNS": "60"})
    assert name in shown.stdout


def test_what_guardrails_blocked_is_told_beside_what_went_badly():
    given = view()
    assert "blocked" not in shown(given)
    given["versions"][0]["blocked"] = 3
    assert "timeout 1 (3 blocked by guardrails)" in shown(given)
    del given["versions"][0]["blocked"]  # a gateway of the version before
    assert "timeout 1" in shown(given)


def test_the_screen_names_rates_percentiles_errors_cost_and_workers():
    text = shown(view())
    for part in (
        "ready · configuration 3 · up 2 h",
        "2 in flight",
        "1 streams",
        "store behind the journal by 400 ms, 2.0 KiB",
        "chat",
        "v1",
        "0.03",  # requests a second
        "50.0%",
        "1.2 s",  # p50
        "! chat v1: timeout 1",
        "$1.0000 in 60 s",
        "silent 90.0 s",
    ):
        assert part in text, part


def test_it_fits_a_terminal_of_eighty_columns():
    given = view()
    given["versions"] += [given["versions"][0] | {"route": "r" * 12, "version": "v" * 8}]
    out = io.StringIO()
    Console(file=out, width=80, highlight=False, color_system=None).print(screen(given))
    assert "…" not in out.getvalue()


def test_an_idle_gateway_says_so():
    text = shown(view(rows=False, lag=False))
    assert "no traffic in the last minute" in text
    assert "by unknown" in text


def test_troubles_are_spelled_out():
    given = view(unready=["draining: x"], task_failures={"ingest": 3}, store_error="disk full")
    given["workers"][1]["journal_full"] = True
    text = shown(given)
    assert "! the journal of worker 1 is full, and new requests get 503: free disk space" in text
    assert "NOT READY" in text
    assert "! draining: x" in text
    assert "! task ingest failed 3 times" in text
    assert "! the store takes nothing: disk full" in text


def test_an_overloaded_worker_is_a_trouble_and_says_what_it_does():
    given = view()
    given["workers"][1] |= {"overload_step": 2, "overload_cause": "memory"}
    assert "! worker 1 is overloaded (memory): new requests of low priority get 503" in shown(given)
    given["workers"][1] |= {"overload_step": 5}
    assert "and the largest streams are cut" in shown(given)
    given["workers"][1] |= {"overload_step": 77}  # a newer gateway's
    assert "overloaded" not in shown(given)


def test_names_cannot_move_the_cursor_or_style_the_screen():
    given = view()
    given["versions"][0]["route"] = "\x1b[2J[red]x"
    text = shown(given)
    assert "\x1b" not in text
    assert text.count("\\u001b[2J[red]x") == 2  # in the table and among the troubles


def test_once_and_json_print_and_leave(gateway):
    result = run("--url", gateway.url, "--once")
    assert not any(line.endswith(" ") for line in result.output.splitlines())
    assert result.exit_code == 0
    assert "requests/s" in result.output
    result = run("--url", gateway.url + "/", "--json")
    assert json.loads(result.output)["versions"][0]["route"] == "chat"
    assert gateway.seen == [("/admin/v1/live", None)] * 2


def test_where_nobody_can_watch_it_is_printed_once(gateway):
    result = run("--url", gateway.url)
    assert result.exit_code == 0
    assert "requests/s" in result.output
    assert len(gateway.seen) == 1


def test_a_wrong_token_is_told_from_none(gateway):
    gateway.reply = (401, b"{}")
    with pytest.raises(UnreachableError, match="wants the admin token and another one than it was sent: put it into"):
        fetch(Source(gateway.url, TOKEN, TOKEN_ENV))


def test_the_token_comes_from_the_environment_and_is_never_shown(gateway):
    result = run("--url", gateway.url, "--once", "--token-env", "MY_TOKEN", env={"MY_TOKEN": TOKEN})
    assert gateway.seen == [("/admin/v1/live", f"Bearer {TOKEN}")]
    assert TOKEN not in result.output


def test_nothing_there_says_what_to_do():
    result = run("--url", "http://127.0.0.1:1", "--once")
    assert result.exit_code == 1
    assert "Is the gateway running" in result.output
    assert "Connection refused" in result.output


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        ((401, b"{}"), "wants the admin token: put it into $LLMGATEWAY_ADMIN_TOKEN"),
        ((200, b"<html>"), "is no admin listener"),
        ((200, b"[]"), "is no admin listener"),
        ((404, b'{"error":"nope"}'), "is no admin listener"),
        ((500, b'{"error":{"message":"The gateway failed."}}'), "answers 500: The gateway failed."),
    ],
)
def test_something_else_there_says_so(gateway, reply, sentence):
    gateway.reply = reply
    with pytest.raises(UnreachableError, match=sentence.replace("$", r"\$")):
        fetch(Source(gateway.url, None, TOKEN_ENV))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.00085, "850 us"), (0.012, "12 ms"), (3.42, "3.4 s"), (300, "5 min"), (7_200 * 2, "4 h")],
)
def test_durations_read_well(seconds, text):
    assert span(seconds) == text


def test_a_backend_that_is_out_is_told_with_the_reason():
    out = {"name": "one", "state": "half_open", "why": "faults in a row", "since": 1.0, "until": 2.0}
    well = {"name": "two", "state": "in", "why": "", "since": None, "until": None}
    text = shown(view(backends=[out, well]))
    assert "! backend one is half-open: faults in a row" in text
    assert "two" not in text
