"""How much memory there is and is used: control groups of both versions, in containers and outside."""

import mmap
import os
import sys

import pytest

from llmgateway.telemetry import memory
from llmgateway.telemetry.memory import Meter, give_back, tightest_group

MIB = 1024 * 1024


def lay(root, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def group_v2(folder: str, limit: str, current: int, stat: str = "") -> dict[str, str]:
    at = f"sys/fs/cgroup/{folder}".rstrip("/")
    return {
        f"{at}/memory.max": f"{limit}\n",
        f"{at}/memory.current": f"{current}\n",
        f"{at}/memory.stat": stat or "anon 1\n",
    }


def group_v1(folder: str, limit: int, usage: int, stat: str = "cache 1\n") -> dict[str, str]:
    at = f"sys/fs/cgroup/memory/{folder}".rstrip("/")
    return {
        f"{at}/memory.limit_in_bytes": f"{limit}\n",
        f"{at}/memory.usage_in_bytes": f"{usage}\n",
        f"{at}/memory.stat": stat,
    }


def test_version_2_in_a_container_whose_mount_is_its_own_group(tmp_path):
    lay(tmp_path, {"proc/self/cgroup": "0::/\n"} | group_v2("", str(512 * MIB), 100 * MIB))
    found = tightest_group(tmp_path)
    assert (found.limit, found.used()) == (512 * MIB, 100 * MIB)


def test_version_2_takes_the_tightest_of_the_groups_around_us(tmp_path):
    lay(
        tmp_path,
        {"proc/self/cgroup": "0::/system.slice/gateway.service\n"}
        | group_v2("system.slice", str(256 * MIB), 200 * MIB)
        | group_v2("system.slice/gateway.service", str(512 * MIB), 100 * MIB),
    )
    assert tightest_group(tmp_path).folder.name == "system.slice"


def test_version_2_without_a_limit_is_none(tmp_path):
    lay(tmp_path, {"proc/self/cgroup": "0::/a\n"} | group_v2("a", "max", MIB))
    assert tightest_group(tmp_path) is None


def test_version_1_by_its_own_line_and_in_a_container_by_its_mount(tmp_path):
    lines = "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n"
    lay(tmp_path, {"proc/self/cgroup": lines} | group_v1("", 300 * MIB, 7 * MIB))
    assert (tightest_group(tmp_path).limit, tightest_group(tmp_path).used()) == (300 * MIB, 7 * MIB)
    lay(tmp_path, group_v1("docker/abc", 200 * MIB, 5 * MIB))
    assert (tightest_group(tmp_path).limit, tightest_group(tmp_path).used()) == (200 * MIB, 5 * MIB)


def test_version_1_without_a_limit_says_so_with_a_huge_number(tmp_path):
    lay(tmp_path, {"proc/self/cgroup": "4:memory:/\n"} | group_v1("", 9223372036854771712, MIB))
    assert tightest_group(tmp_path) is None


def test_page_cache_does_not_count_where_it_matters(tmp_path):
    stat = f"anon {50 * MIB}\ninactive_file {20 * MIB}\nactive_file {10 * MIB}\nslab_reclaimable {MIB}\nfile 99\n"
    lay(tmp_path, {"proc/self/cgroup": "0::/\n"} | group_v2("", str(100 * MIB), 90 * MIB, stat))
    assert tightest_group(tmp_path).used() == 59 * MIB
    lay(tmp_path, group_v2("", str(100 * MIB), 79 * MIB, stat))
    assert tightest_group(tmp_path).used() == 79 * MIB  # far enough from the limit not to ask


def test_version_1_leaves_page_cache_out_too(tmp_path):
    stat = f"inactive_file {MIB}\ntotal_inactive_file {20 * MIB}\ntotal_active_file {10 * MIB}\n"
    lay(tmp_path, {"proc/self/cgroup": "4:memory:/\n"} | group_v1("", 100 * MIB, 95 * MIB, stat))
    assert tightest_group(tmp_path).used() == 65 * MIB


@pytest.mark.parametrize("text", ["", "nonsense\n", "0:\n", "4:memory\n"])
def test_no_proc_and_no_sense_is_no_group(tmp_path, text):
    assert tightest_group(tmp_path) is None
    lay(tmp_path, {"proc/self/cgroup": text})
    assert tightest_group(tmp_path) is None


def test_own_memory_grows_with_what_is_held_and_shrinks_again():
    meter = Meter(None)
    before = meter.own()
    # from the kernel itself: an allocator may still have as much from earlier
    with mmap.mmap(-1, 64 * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        for page in range(0, 64 * MIB, mmap.PAGESIZE):
            held[page] = 1
        assert 60 * MIB < meter.own() - before < 80 * MIB
    assert meter.own() - before < 30 * MIB
    meter.close()


def test_files_that_are_looked_at_are_not_own_memory(tmp_path):
    file = tmp_path / "large"
    file.write_bytes(bytes(64 * MIB))
    meter = Meter(None)
    before = meter.own()
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        assert sum(held[page] for page in range(0, 64 * MIB, mmap.PAGESIZE)) == 0
        assert meter.own() - before < 30 * MIB
    meter.close()


def test_without_a_group_the_machine_is_the_limit_and_all_processes_add_up(tmp_path):
    meter = Meter(None, tmp_path)
    assert meter.limit == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert abs(meter.used() - meter.own()) < MIB
    meter.hear(meter.own() + 500 * MIB)
    assert abs(meter.used() - meter.own() - 500 * MIB) < MIB
    meter.hear(0)  # control knows nobody yet
    assert abs(meter.used() - meter.own()) < MIB
    meter.close()


def test_a_group_counts_for_itself_whatever_control_tells(tmp_path):
    lay(tmp_path, {"proc/self/cgroup": "0::/\n"} | group_v2("", str(512 * MIB), 100 * MIB))
    meter = Meter(None, tmp_path)
    meter.hear(10**12)
    assert (meter.limit, meter.used()) == (512 * MIB, 100 * MIB)
    (tmp_path / "sys/fs/cgroup/memory.current").unlink()
    assert meter.used() > 10**11  # the group is gone: what we know ourselves must do
    meter.close()


def test_the_operators_own_limit_is_held_against_the_processes(tmp_path):
    lay(tmp_path, {"proc/self/cgroup": "0::/\n"} | group_v2("", str(512 * MIB), 500 * MIB))
    meter = Meter(200 * MIB, tmp_path)
    assert meter.limit == 200 * MIB
    assert abs(meter.used() - meter.own()) < MIB
    meter.close()


def test_a_group_above_the_machine_is_no_limit(tmp_path):
    lay(tmp_path, {"proc/self/cgroup": "0::/\n"} | group_v2("", str(10**17), 10**16))
    meter = Meter(None, tmp_path)
    assert meter.limit < 10**17
    meter.close()


def test_giving_back_is_no_error_where_the_c_library_cannot(monkeypatch):
    assert give_back() in {True, False}
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    assert give_back() is False


def test_giving_back_lets_go_of_names_that_were_looked_up():
    name = "".join(["looked", " up"])  # a string of its own, as C code makes them
    before = sys.getrefcount(name)
    assert getattr(Meter, name, None) is None
    assert sys.getrefcount(name) > before
    give_back()
    assert sys.getrefcount(name) == before


def test_closing_twice_closes_nobody_elses_descriptor():
    meter = Meter(None)
    meter.close()
    other = os.open("/dev/null", os.O_RDONLY)  # takes the number that has become free
    meter.close()
    os.close(other)
