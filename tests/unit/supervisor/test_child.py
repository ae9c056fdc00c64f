import os
import signal
import socket

import pytest

from llmgateway.supervisor.child import BEAT, LEAVE, READY, SILENT_S, STACK_SIGNAL, START_S, Child, start


def nothing(line: socket.socket) -> None:
    pass


@pytest.fixture
def joined():
    child = Child("worker-0", nothing)
    child.line, theirs = socket.socketpair()
    child.line.setblocking(False)
    child.pid = 1 << 30  # nobody's
    with child.line, theirs:
        yield child, theirs


def wait_for(child: Child) -> int:
    _, status = os.waitpid(child.pid, 0)
    assert child.line is not None
    child.line.close()
    return os.waitstatus_to_exitcode(status)


def test_a_new_child_is_down_and_due_at_once():
    child = Child("worker-0", nothing)
    assert (child.pid, child.start_at, child.is_ready) == (0, 0.0, False)
    assert "down" in repr(child)
    assert not child.is_silent(1e9)


def test_it_is_ready_once_it_says_so(joined):
    child, theirs = joined
    theirs.send(BEAT)
    assert child.hear(5.0)
    assert (child.heard, child.is_ready) == (5.0, False)
    theirs.send(BEAT + READY + BEAT)
    assert child.hear(6.0)
    assert child.is_ready
    assert "ready" in repr(child)


def test_nothing_new_is_no_end(joined):
    child, _ = joined
    assert child.hear(5.0)
    assert child.heard == 0.0


def test_a_closed_line_is_the_end(joined):
    child, theirs = joined
    theirs.close()
    assert not child.hear(5.0)


def test_silence_is_judged_by_whether_it_has_spoken(joined):
    child, theirs = joined
    assert not child.is_silent(START_S - 1)
    assert child.is_silent(START_S + 1)
    theirs.send(BEAT)
    child.hear(100.0)
    assert not child.is_silent(100.0 + SILENT_S - 1)
    assert child.is_silent(100.0 + SILENT_S + 1)


def test_words_reach_it_and_a_dead_one_is_no_error(joined):
    child, theirs = joined
    assert child.say(LEAVE)
    assert theirs.recv(8) == LEAVE
    theirs.close()
    assert not child.say(LEAVE)


def test_a_child_that_reads_nothing_does_not_block_the_supervisor(joined):
    child, _ = joined
    while child.say(b"x" * 4096):
        pass


def test_signals_to_nobody_are_no_error(joined):
    child, _ = joined
    child.signal(signal.SIGTERM)
    Child("worker-1", nothing).signal(signal.SIGTERM)


def test_reaping_forgets_what_the_dead_one_was(joined):
    child, _ = joined
    child.is_ready = child.has_spoken = True
    child.kill_at = 3.0
    child.gone()
    assert (child.pid, child.line, child.is_ready, child.has_spoken, child.kill_at) == (0, None, False, False, None)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
class TestForking:
    def test_the_child_runs_its_main_with_its_end_of_the_line(self):
        child = Child("worker-0", lambda line: line.send(b"hello") and None)
        start(child, 7.0, lambda: None)
        assert child.line is not None
        child.line.setblocking(True)
        assert child.line.recv(16) == b"hello"
        assert (child.started, child.heard) == (7.0, 7.0)
        assert wait_for(child) == 0

    @pytest.mark.parametrize(("leave", "code"), [(SystemExit(4), 4), (SystemExit(), 0), (SystemExit("oh"), 1)])
    def test_its_exit_status_is_what_its_main_leaves_with(self, leave, code):
        def main(line):
            raise leave

        child = Child("worker-0", main)
        start(child, 0.0, lambda: None)
        assert wait_for(child) == code

    def test_a_crash_is_printed_and_ends_the_process(self, capfd):
        def main(line):
            raise ValueError("broken part")

        child = Child("worker-0", main)
        start(child, 0.0, lambda: None)
        assert wait_for(child) == os.EX_SOFTWARE
        assert "ValueError: broken part" in capfd.readouterr().err

    def test_it_lets_go_of_what_is_not_its_own_first(self):
        seen: list[str] = []

        def main(line):
            line.send(",".join(seen).encode())

        child = Child("worker-0", main)
        start(child, 0.0, lambda: seen.append("let go"))
        assert child.line is not None
        child.line.setblocking(True)
        assert child.line.recv(16) == b"let go"
        assert wait_for(child) == 0
        assert seen == []  # here nothing was let go

    def test_no_handler_of_ours_is_left_in_it(self):
        def main(line):
            shown = [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
            shown += [str(signal.pthread_sigmask(signal.SIG_BLOCK, ()))]
            line.send(" ".join(shown).encode())

        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        child = Child("worker-0", main)
        start(child, 0.0, lambda: None)
        assert child.line is not None
        child.line.setblocking(True)
        assert child.line.recv(500).decode() == f"Handlers.SIG_DFL Handlers.SIG_IGN Handlers.SIG_IGN {before}".replace(
            "Handlers.SIG_DFL", str(signal.SIG_DFL)
        ).replace("Handlers.SIG_IGN", str(signal.SIG_IGN))
        assert wait_for(child) == 0
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before

    def test_it_shows_its_stack_when_asked_and_goes_on(self, capfd):
        def main(line):
            os.kill(os.getpid(), STACK_SIGNAL)
            line.send(b"still here")

        child = Child("worker-0", main)
        start(child, 0.0, lambda: None)
        assert wait_for(child) == 0
        assert "in main" in capfd.readouterr().err
