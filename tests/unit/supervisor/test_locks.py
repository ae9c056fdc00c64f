import os

from llmgateway.supervisor.locks import holder, join, take


def test_one_holder_at_a_time_and_the_next_one_after_it(tmp_path):
    path = tmp_path / "run" / "control.lock"
    first = take(path)
    assert first is not None
    assert holder(path) == os.getpid()
    assert take(path) is None
    os.close(first)
    second = take(path)
    assert second is not None
    os.close(second)


def test_a_refused_taker_leaves_the_holders_name_alone_and_no_descriptor_open(tmp_path):
    path = tmp_path / "lock"
    held = take(path)
    assert held is not None
    count = len(os.listdir("/proc/self/fd"))
    assert take(path) is None
    assert len(os.listdir("/proc/self/fd")) == count
    assert holder(path) == os.getpid()
    os.close(held)


def test_a_file_that_names_nobody(tmp_path):
    assert holder(tmp_path / "none") is None
    (tmp_path / "empty").touch()
    assert holder(tmp_path / "empty") is None


def test_those_who_join_learn_whether_others_are_there(tmp_path):
    path = tmp_path / "processes.lock"
    first, had_company = join(path)
    assert not had_company
    second, had_company = join(path)
    assert had_company
    os.close(first)
    third, had_company = join(path)
    assert had_company
    os.close(second)
    os.close(third)
    fourth, had_company = join(path)
    assert not had_company
    os.close(fourth)


def test_a_child_keeps_the_lock_that_it_inherited(tmp_path):
    path = tmp_path / "processes.lock"
    mine, _ = join(path)
    copy = os.dup(mine)  # what fork does to a descriptor
    os.close(mine)
    other, had_company = join(path)
    assert had_company
    os.close(copy)
    os.close(other)


def test_it_is_for_nobody_else_to_read(tmp_path):
    held = take(tmp_path / "run" / "lock")
    assert held is not None
    assert (tmp_path / "run" / "lock").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
    os.close(held)
