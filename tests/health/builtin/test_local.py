"""`disk`, `memory`, `fds`, `loop`, `threads`: what the machine and the process say of themselves."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from midwatch.health.builtin.fds import Descriptors
from midwatch.health.builtin.loop import Loop
from midwatch.health.builtin.memory import Memory
from midwatch.health.builtin.threads import Threads

from .conftest import look

KIB = 1024


class TestDisk:
    def test_what_the_disk_of_the_tests_says(self, tmp_path: Path) -> None:
        found = look(f"disk:{tmp_path}?warn=100&fail=100")
        assert found.unit == "percent"
        assert isinstance(found.observed, float)
        assert 0 <= found.observed <= 100

    @pytest.mark.parametrize(
        ("blocks", "files", "status", "output"),
        [
            ((100, 50, 50), (100, 90, 90), "pass", None),
            ((100, 8, 8), (100, 90, 90), "warn", "92 % of the space is used"),
            ((100, 1, 1), (100, 90, 90), "fail", "99 % of the space is used"),
            ((100, 90, 90), (100, 1, 1), "fail", "99 % of the inodes is used"),
            ((100, 90, 90), (0, 0, 0), "pass", None),
            ((100, 5, 0), (100, 90, 90), "fail", "100 % of the space is used"),  # the rest is the superuser's
            ((0, 0, 0), (0, 0, 0), "pass", None),
        ],
    )
    def test_space_and_inodes(
        self,
        monkeypatch: pytest.MonkeyPatch,
        blocks: tuple[int, int, int],
        files: tuple[int, int, int],
        status: str,
        output: str | None,
    ) -> None:
        told = os.statvfs_result((4096, 4096, *blocks, *files, 0, 255))
        monkeypatch.setattr(os, "statvfs", lambda path: told)
        found = look("disk:/")
        assert (found.status, found.output) == (status, output)

    def test_a_path_that_is_not_there(self, tmp_path: Path) -> None:
        found = look(f"disk:{tmp_path}/nothing")
        assert (found.status, found.output) == ("fail", "No such file or directory")


System = Callable[..., Path]


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A machine of 100 KiB, 60 of them used, with groups as given: limit, usage, cache, by path."""

    def make(own: str = "/", **groups: tuple[str, int, int]) -> Path:
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/meminfo").write_text("MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 40 kB\n")
        (tmp_path / "proc/self/cgroup").write_text(f"1:name=systemd:/\n0::{own}\n")
        for name, (limit, used, cache) in groups.items():
            group = tmp_path / "sys/fs/cgroup" / name.replace("_", "/").strip("/")
            group.mkdir(parents=True, exist_ok=True)
            (group / "memory.max").write_text(f"{limit}\n")
            (group / "memory.current").write_text(f"{used}\n")
            (group / "memory.stat").write_text(f"anon 1\nfile 2\ninactive_file {cache}\n")
        return tmp_path

    return make


class TestMemory:
    def test_what_the_machine_of_the_tests_says(self) -> None:
        found = look("memory?warn=100")
        assert found.status in {"pass", "warn"}
        assert isinstance(found.observed, float)

    def test_of_a_machine_without_containers(self, system: System) -> None:
        found = Memory({"warn": 50, "fail": 70}, system())()
        assert (found.status, found.output, found.observed) == ("warn", "60 % of the memory is used", 60.0)

    def test_of_a_container_without_its_cache(self, system: System) -> None:
        found = Memory({}, system("/", _=("1000", 950, 300)))()
        assert (found.status, found.observed) == ("pass", 65.0)

    def test_the_tightest_limit_above_the_process_counts(self, system: System) -> None:
        top = system("/pod/app", pod=("1000", 990, 0), pod_app=("max", 500, 0))
        found = Memory({}, top)()
        assert (found.status, found.observed) == ("warn", 99.0)

    def test_a_container_without_a_limit_is_the_machine(self, system: System) -> None:
        assert Memory({}, system("/app", app=("max", 10, 0)))().observed == 60.0

    def test_a_group_outside_of_what_is_seen(self, system: System) -> None:
        assert Memory({}, system("/../other", _=("1000", 100, 0)))().observed == 10.0

    def test_it_never_fails_unless_asked_to(self, system: System) -> None:
        top = system("/", _=("1000", 1200, 0))
        assert Memory({}, top)().status == "warn"
        assert Memory({"fail": 100}, top)().status == "fail"

    @pytest.mark.parametrize("text", ["", "many", "-", "\x00"])
    def test_nonsense_in_its_files_is_none_of_its_limits(self, system: System, text: str) -> None:
        top = system("/", _=("1000", 100, 0))
        (top / "sys/fs/cgroup/memory.current").write_text(text)
        assert Memory({}, top)().observed == 60.0

    def test_a_system_that_tells_nothing(self, tmp_path: Path) -> None:
        assert Memory({}, tmp_path)().output == "No such file or directory"
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/meminfo").write_text("")
        assert Memory({}, tmp_path)().output == "the system does not tell"


class TestDescriptors:
    def test_what_is_open_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        number = len([*Path("/proc/self/fd").iterdir()])
        monkeypatch.setattr(resource, "getrlimit", lambda what: (number + 10, number + 10))
        assert Descriptors({"warn": 1, "fail": 100})().status == "warn"
        assert Descriptors({"warn": 1, "fail": 2})().status == "fail"
        taken = [os.open("/", os.O_RDONLY) for _ in range(8)]
        try:
            found = Descriptors({"warn": 1, "fail": 1})()
            before = Descriptors({})()
        finally:
            for one in taken:
                os.close(one)
        assert isinstance(before.observed, float)
        after = Descriptors({})().observed
        assert isinstance(after, float)
        assert before.observed > after
        assert found.output is not None
        assert found.output.endswith(f" of {number + 10} descriptors are open")

    def test_a_limit_that_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda what: (resource.RLIM_INFINITY,) * 2)
        assert Descriptors({})().observed == 0.0


class TestLoop:
    @pytest.mark.parametrize(
        ("lag", "options", "status"),
        [
            (0.001, {}, "pass"),
            (0.3, {}, "warn"),
            (5.0, {}, "fail"),
            (0.3, {"warn": 1.0}, "pass"),
            (0.3, {"fail": 0.2}, "fail"),
        ],
    )
    def test_a_loop_that_is_late(self, lag: float, options: dict[str, Any], status: str) -> None:
        found = Loop(options, lambda: lag)()
        assert (found.status, found.observed, found.unit) == (status, lag, "s")

    def test_no_loop_is_no_trouble(self) -> None:
        found = Loop({}, lambda: None)()
        assert (found.status, found.observed) == ("pass", "no event loop is watched")

    def test_it_asks_the_watch_of_this_process(self) -> None:
        assert look("loop?warn=600&fail=600").status == "pass"


class Pool(NamedTuple):
    busy: float
    size: float
    queued: float


class TestThreads:
    @pytest.mark.parametrize(
        ("pool", "status"),
        [(Pool(0, 40, 0), "pass"), (Pool(40, 40, 0), "pass"), (Pool(40, 40, 3), "warn"), (Pool(39, 40, 3), "pass")],
    )
    def test_a_pool_that_is_full(self, pool: Pool, status: str) -> None:
        found = Threads({}, lambda: pool)()
        assert (found.status, found.observed) == (status, pool.busy)
        assert found.output == (None if status == "pass" else "all 40 threads are busy, 3 calls wait")

    def test_no_pool_is_no_trouble(self) -> None:
        assert Threads({}, lambda: None)().status == "pass"

    def test_it_asks_the_pools_of_this_process(self) -> None:
        assert look("threads").status == "pass"
