"""Log lines: whole, safe, one write each, never blocking and never raising."""

import json
import logging
import os
import pty
import select
import sys

import pytest

from llmgateway.telemetry import logs
from llmgateway.telemetry.logs import MAX_LINE_BYTES, Lines, fields, setup_logging


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


@pytest.fixture
def root():
    """The root logger, put back afterwards."""
    logger = logging.getLogger()
    before, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = before
    logger.setLevel(level)


def lines(pipe):
    return [json.loads(line) for line in os.read(pipe[0], 1 << 20).splitlines()]


def failing():
    raise ValueError("bad key sk-canarycanary1234\nand a second line")


def record(message, *args, **changes):
    return logging.makeLogRecord({"msg": message, "args": args, "levelname": "INFO", "name": "x"} | changes)


def test_a_line_is_json_and_says_who_when_and_what(pipe, root):
    setup_logging(role="worker", slot=3, descriptor=pipe[1])
    logging.getLogger("llmgateway.x").warning("generation %d in force", 4, extra={"generation": 4, "peer": "a\nb"})
    (line,) = lines(pipe)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "llmgateway.x",
        "pid": os.getpid(),
        "message": "generation 4 in force",
        "generation": 4,
        "peer": "a\\u000ab",
        "role": "worker",
        "slot": 3,
    }


def test_an_exception_tells_its_places_but_neither_values_nor_keys(pipe, root):
    setup_logging(descriptor=pipe[1])
    try:
        failing()
    except ValueError:
        logging.getLogger("x").exception("it broke")
    (line,) = lines(pipe)
    assert line["error"] == "ValueError: bad key ***\\u000aand a second line"
    assert line["where"][-1].endswith(" failing")
    assert "canary" not in json.dumps(line)


def test_setting_up_again_replaces_what_was_there(pipe, root):
    setup_logging(role="supervisor", descriptor=pipe[1])
    setup_logging(role="worker", descriptor=pipe[1])
    logging.getLogger("x").info("once")
    assert [line["role"] for line in lines(pipe)] == ["worker"]
    assert sum(isinstance(handler, Lines) for handler in root.handlers) == 1


def test_the_level_holds_and_noisy_libraries_are_quiet(pipe, root):
    setup_logging(level="info", descriptor=pipe[1])
    logging.getLogger("x").debug("no")
    logging.getLogger("asyncio").info("no")
    logging.getLogger("aiohttp.access").info("no")
    logging.getLogger("asyncio").warning("yes")
    assert [line["message"] for line in lines(pipe)] == ["yes"]


def test_when_nobody_reads_stderr_lines_are_dropped_and_counted_and_nothing_waits(pipe, root):
    handler = setup_logging(descriptor=pipe[1])
    for number in range(5_000):
        logging.getLogger("x").info("line %d %s", number, "x" * 100)
    assert handler.dropped > 0
    text = b""
    while select.select([pipe[0]], [], [], 0)[0]:
        text += os.read(pipe[0], 1 << 20)
    whole = [json.loads(line) for line in text.splitlines()]
    assert len(whole) + handler.dropped == 5_000


def test_a_closed_stderr_costs_the_line_and_nothing_else(pipe, root):
    handler = setup_logging(descriptor=pipe[1])
    os.close(pipe[0])
    logging.getLogger("x").info("into the void")
    assert handler.dropped == 1


@pytest.mark.parametrize("size", [100, 3_000, 5_000, 100_000])
@pytest.mark.parametrize("letter", ["x", "\x1b", "é"])
def test_a_line_is_never_longer_than_one_write(size, letter):
    given = record(letter * size, peer=letter * size, other=letter * size)
    try:
        failing()
    except ValueError:
        given.exc_info = sys.exc_info()
    for shape in (logs.json_line, logs.plain_line):
        text = shape(fields(given))
        assert len(text) <= MAX_LINE_BYTES
        assert text.endswith(b"\n")
    assert json.loads(logs.json_line(fields(given)))["level"] == "info"


def test_hundreds_of_extra_fields_still_leave_a_line():
    given = record("hello", **{f"field{number}": "x" * 100 for number in range(500)})
    assert json.loads(logs.json_line(fields(given)))["message"] == "hello"


def test_arguments_that_do_not_fit_cost_the_arguments():
    assert fields(record("%d files", "many"))["message"] == "%d files"


def test_a_plain_line_has_the_fields_too():
    text = logs.plain_line(fields(record("generation in force", generation=3)) | {"role": "worker", "slot": 0})
    assert text.endswith(b"worker 0: generation in force generation=3\n")


def test_a_terminal_gets_plain_lines(root):
    ours, theirs = pty.openpty()
    try:
        setup_logging(role="control", descriptor=theirs)
        try:
            failing()
        except ValueError:
            logging.getLogger("x").exception("red \x1b[31m")
        text = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    first, *rest = text.splitlines()
    assert first.split(" ", 1)[1] == (
        "error   control: red \\u001b[31m (ValueError: bad key ***\\u000aand a second line)"
    )
    assert rest[-1].endswith(" failing")
