"""The supervisor with real children that do next to nothing (tests/support/killing_family.py)."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psutil
import pytest
from tests.support.killing_family import BOUND_S, family

from llmgateway.domain.clock import ManualClock
from llmgateway.supervisor import supervisor as module
from llmgateway.supervisor.child import DRAIN, LEAVE, RELOAD, Child
from llmgateway.supervisor.supervisor import ORDERS, Order, State, Supervisor, cause


def wait_gone(*pids: int) -> None:
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(processes, timeout=BOUND_S)
    assert alive == []


@pytest.mark.parametrize("victim", ["worker-0", "control"])
def test_a_killed_child_is_replaced_and_the_others_live_on(victim):
    with family() as running:
        before = running.pids()
        os.kill(before[victim], signal.SIGKILL)
        fresh = int(running.wait_for(f"{victim} up"))
        assert fresh != before[victim]
        others = [pid for name, pid in before.items() if name != victim]
        assert all(psutil.pid_exists(pid) for pid in others)
        assert [line for line in running.lines if line.startswith("ready")] == [running.lines[3]]  # told once


def test_a_child_that_keeps_crashing_is_started_later_and_later_and_the_rest_serves(tmp_path):
    log = tmp_path / "log"
    with family("worker-1=crashing", errors=log) as running:
        running.wait_for("worker-0 up")
        for _ in range(4):
            running.wait_for("worker-1 up")
        running.send(signal.SIGTERM)
        running.wait_for("end")
    said = [line for line in log.read_text().splitlines() if "worker-1 ended" in line]
    for line, wait in zip(said, ("0.05", "0.10", "0.20"), strict=False):
        assert f"(exit status 3), starting it again in {wait} s" in line


def test_term_drains_the_workers_first_and_control_ends_last():
    with family() as running:
        running.pids()
        running.send(signal.SIGTERM)
        running.wait_for("end")
        assert running.process.wait(BOUND_S) == 0
    said = running.lines
    leave = said.index("control told leave")
    assert said.index("control told drain") < leave
    assert said.index("worker-0 told term") < leave
    assert said.index("worker-1 told term") < leave


def test_the_listeners_are_closed_before_the_workers_are_told():
    with family("worker-0=stubborn") as running:
        port = int(running.wait_for("ready"))
        socket.create_connection(("127.0.0.1", port)).close()
        running.send(signal.SIGTERM)
        running.wait_for("worker-0 told term")
        with pytest.raises(ConnectionRefusedError):  # no copy of ours may queue callers for nobody
            socket.create_connection(("127.0.0.1", port), timeout=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_cuts_the_workers_and_leaves_control_its_turn(number):
    with family("worker-0=stubborn") as running:
        pids = running.pids()
        running.send(number)
        running.wait_for("worker-0 told term")
        assert psutil.pid_exists(pids["worker-0"])
        running.send(number)
        running.wait_for("control told leave")
        running.wait_for("end")
        assert running.process.wait(BOUND_S) == 0


def test_a_third_signal_ends_control_too():
    with family("worker-0=stubborn", "control=stubborn") as running:
        running.pids()
        running.send(signal.SIGTERM)
        running.wait_for("worker-0 told term")
        running.send(signal.SIGTERM)
        running.wait_for("control told leave")
        running.send(signal.SIGTERM)
        running.wait_for("end")


def test_quit_ends_everything_without_asking():
    with family("worker-0=stubborn", "control=stubborn") as running:
        pids = running.pids()
        running.send(signal.SIGQUIT)
        running.wait_for("end")
        assert running.process.wait(BOUND_S) == 0
        wait_gone(*pids.values())
    assert not [line for line in running.lines if "told" in line]


def test_a_drain_that_takes_too_long_ends_with_a_kill():
    with family("worker-0=stubborn", "drain=0") as running:
        running.pids()
        running.send(signal.SIGTERM)
        running.wait_for("control told leave")
        running.wait_for("end")


def test_control_that_dies_during_a_drain_is_replaced_and_told():
    with family("worker-0=stubborn") as running:
        pids = running.pids()
        running.send(signal.SIGTERM)
        running.wait_for("control told drain")
        os.kill(pids["control"], signal.SIGKILL)
        running.wait_for("control up")
        running.wait_for("control told drain")
        running.send(signal.SIGTERM)
        running.wait_for("control told leave")
        running.wait_for("end")


def test_ctrl_c_reaches_the_whole_group_and_still_ends_in_order():
    with family() as running:
        running.pids()
        running.send_group(signal.SIGINT)
        running.wait_for("control told leave")
        running.wait_for("end")
        assert running.process.wait(BOUND_S) == 0
    assert {"worker-0 told term", "worker-1 told term"} <= set(running.lines)


def test_hangup_reloads_and_disturbs_nobody():
    with family() as running:
        pids = running.pids()
        running.send_group(signal.SIGHUP)
        running.wait_for("control told reload")
        assert all(psutil.pid_exists(pid) for pid in pids.values())


def test_a_reload_asked_for_while_control_is_down_is_told_to_the_next_one():
    with family("wait=0.5") as running:
        pids = running.pids()
        os.kill(pids["control"], signal.SIGKILL)
        wait_gone_or_zombie(pids["control"])
        running.send(signal.SIGHUP)
        running.wait_for("control up")
        running.wait_for("control told reload")


def wait_gone_or_zombie(pid: int) -> None:
    until = time.monotonic() + BOUND_S
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < until


def test_a_stopped_child_shows_its_stack_and_is_killed_and_replaced(tmp_path):
    log = tmp_path / "log"
    with family("silent=1", errors=log) as running:
        pids = running.pids()
        os.kill(pids["worker-1"], signal.SIGSTOP)
        assert int(running.wait_for("worker-1 up")) != pids["worker-1"]
    said = log.read_text()
    assert "worker-1 hangs and is killed; its stack follows" in said
    assert "most recent call first" in said
    assert "in _live" in said or "in live" in said
    assert "worker-1 ended (killed by SIGKILL)" in said
    assert "worker-0" not in said


def test_a_child_whose_loop_is_blocked_is_replaced(tmp_path):
    log = tmp_path / "log"
    with family("silent=1", "worker-0=blocked", errors=log) as running:
        first = running.wait_for("worker-0 up")
        assert running.wait_for("worker-0 up") != first
    assert "in _live" in log.read_text()


def test_after_a_pause_of_the_whole_gateway_nobody_is_taken_for_hanging(tmp_path):
    log = tmp_path / "log"
    with family("silent=1", "pause=0.8", errors=log) as running:
        pids = running.pids()
        running.send_group(signal.SIGSTOP)
        time.sleep(1.5)  # this is the pause: longer than a child may be silent
        running.send_group(signal.SIGCONT)
        running.send(signal.SIGHUP)
        running.wait_for("control told reload")
        assert all(psutil.pid_exists(pid) for pid in pids.values())
    assert "hangs" not in log.read_text()


@pytest.mark.parametrize("last", ["worker-0", "worker-1", "control"])
def test_children_of_a_killed_supervisor_notice_at_once_whoever_of_them_stays(last):
    """No child may hold another one's line open."""
    with family(f"{last}=lingering") as running:
        pids = running.pids()
        running.send(signal.SIGKILL)
        for name in pids:
            assert f"{name} orphaned" in running.lines or running.wait_for(f"{name} orphaned") == ""
        wait_gone(*(pid for name, pid in pids.items() if name != last))


# --- decisions, without processes


@contextmanager
def build(clock: ManualClock, **options) -> Iterator[Supervisor]:
    workers = [Child("worker-0", lambda line: None)]
    control = Child("control", lambda line: None)
    with closing(Supervisor(workers, control, [], clock=clock, drain_s=lambda: 1.0, **options)) as supervisor:
        yield supervisor


def test_a_machine_without_room_for_another_process_is_asked_again_later(monkeypatch):
    clock = ManualClock()
    tries = []

    def fail(child, now, let_go):
        tries.append((child.name, now))
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module, "start", fail)
    with build(clock) as supervisor:
        for _ in range(2000):
            supervisor._start_due()
            clock.advance(0.001)
        assert supervisor._why_no_control() == "it can't be started (Resource temporarily unavailable)"
    times = [now - tries[0][1] for name, now in tries if name == "control"]
    assert times == pytest.approx([0.0, 0.05, 0.15, 0.35, 0.75, 1.55], abs=0.02)


def test_every_state_has_an_answer_to_every_signal_that_ends():
    for state in State:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            assert (state, number) in ORDERS
    assert ORDERS[State.DRAINING, signal.SIGTERM] is Order.CUT
    assert (State.DRAINING, signal.SIGHUP) not in ORDERS


@pytest.mark.parametrize(
    ("state", "words"),
    [(State.RUNNING, b""), (State.DRAINING, DRAIN), (State.STOPPING, DRAIN + LEAVE)],
)
def test_control_is_told_where_the_gateway_is(state, words):
    ours, theirs = socket.socketpair()
    with ours, theirs, build(ManualClock()) as supervisor:
        supervisor._control.line = ours
        supervisor._control.pid = 1
        supervisor._state = state
        supervisor._must_reload = True
        supervisor._tell_control()
        supervisor._tell_control()
        assert theirs.recv(64) == RELOAD + words + words


def test_nobody_listening_for_the_announcement_is_no_reason_to_end(caplog, capsys):
    def closed() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with build(ManualClock(), on_ready=closed) as supervisor:
        for child in supervisor._children:
            child.is_ready = True
        supervisor._announce()
        assert not capsys.readouterr().out
    assert "nobody reads" in caplog.text


@pytest.mark.parametrize(
    ("status", "said"),
    [(0, "exit status 0"), (3 << 8, "exit status 3"), (9, "killed by SIGKILL"), (40, "killed by signal 40")],
)
def test_the_end_of_a_child_is_put_into_words(status, said):
    assert cause(status) == said
