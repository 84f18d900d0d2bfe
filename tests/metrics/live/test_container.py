"""The container's limits and pains, from a tree of files as the kernel writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.metrics.exposition import OPENMETRICS
from midwatch.metrics.live import container
from midwatch.metrics.live.container import ContainerFigures

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "cgroup.controllers": "cpu memory io\n",
    "cpu.stat": "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 400\nnr_throttled 100\nthrottled_usec 2500000\n",
    "cpu.max": "150000 100000\n",
    "memory.current": "300\n",
    "memory.max": "1000\n",
    "memory.stat": "anon 100\nfile 200\ninactive_file 50\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n",
    "cpu.pressure": "some avg10=1.00 avg60=0.50 avg300=0.10 total=4000000\nfull avg10=0.00 avg60=0.00 total=1000000\n",
    "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
}


def tree(
    root: Path, where: str = "sys/fs/cgroup/app", told: str = "0::/app\n", changed: dict[str, str | None] | None = None
) -> Path:
    directory = root / where
    directory.mkdir(parents=True)
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(told)
    for name, text in {**FILES, **(changed or {})}.items():
        if text is not None:
            (directory / name).write_text(text)
    return root


def test_all_that_the_kernel_says(tmp_path: Path, shown: Any) -> None:
    """Seconds, bytes and ratios."""
    assert shown(ContainerFigures(tree(tmp_path))) == {
        ("cgroup_cpu_periods_total",): 400,
        ("cgroup_cpu_throttled_periods_total",): 100,
        ("cgroup_cpu_throttled_seconds_total",): 2.5,
        ("cgroup_cpu_limit_cores",): 1.5,
        ("cgroup_memory_bytes",): 300,
        ("cgroup_memory_working_set_bytes",): 250,
        ("cgroup_memory_oom_kills_total",): 2,
        ("cgroup_memory_limit_bytes",): 1000,
        ("cgroup_memory_ratio",): 0.25,
        ("cgroup_pressure_waiting_seconds_total", "cpu", "some"): 4.0,
        ("cgroup_pressure_waiting_seconds_total", "cpu", "full"): 1.0,
        ("cgroup_pressure_waiting_seconds_total", "memory", "some"): 7e-06,
    }


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("sys/fs/cgroup", "0::/\n"),
        ("sys/fs/cgroup/a b/c", "12:memory:/x\n0::/a b/c\n"),
        ("sys/fs/cgroup/unified/app", "1:name=systemd:/app\n0::/app\n"),
        ("sys/fs/cgroup", "0::/kubepods/of/the/host\n"),
        ("sys/fs/cgroup", "0::/../../other\n"),
    ],
)
def test_where_the_cgroup_may_be(tmp_path: Path, shown: Any, where: str, told: str) -> None:
    """In a namespace of its own or not, alone or beside version 1; never outside of the mount."""
    assert shown(ContainerFigures(tree(tmp_path, where, told)))["cgroup_memory_ratio",] == 0.25


@pytest.mark.parametrize("told", ["", "0::\n", "0::relative\n", "4:memory:/docker/x\n1:cpu:/docker/x\n", "\0\xff"])
def test_version_1_and_no_cgroup_are_no_families(tmp_path: Path, shown: Any, told: str) -> None:
    """And no error."""
    assert shown(ContainerFigures(tree(tmp_path, told=told))) == {}


def test_nothing_there_is_nothing(tmp_path: Path, shown: Any) -> None:
    """Neither procfs nor cgroups."""
    assert shown(ContainerFigures(tmp_path)) == {}
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/gone\n")
    assert shown(ContainerFigures(tmp_path)) == {}


def test_no_limit_is_no_ratio(tmp_path: Path, shown: Any) -> None:
    """`max` is what the kernel says then."""
    values = shown(ContainerFigures(tree(tmp_path, changed={"cpu.max": "max 100000\n", "memory.max": "max\n"})))
    assert not [name for (name, *_) in values if "limit" in name or "ratio" in name]
    assert values["cgroup_memory_bytes",] == 300


@pytest.mark.parametrize("name", sorted(set(FILES) - {"cgroup.controllers"}))
def test_each_file_may_be_missing(tmp_path: Path, shown: Any, name: str) -> None:
    """Controllers are switched on one by one."""
    values = shown(ContainerFigures(tree(tmp_path, changed={name: None})))
    assert 0 < len(values) < 12 or name == "memory.stat"


@given(
    st.sampled_from(sorted(set(FILES) - {"cgroup.controllers"})), st.text() | st.from_regex(r"(some |total=)?[-\d]+")
)
def test_any_text_in_any_file_is_a_page(tmp_path_factory: pytest.TempPathFactory, name: str, text: str) -> None:
    """No file of the kernel's can break it."""
    root = tree(tmp_path_factory.mktemp("tree"), changed={name: None})
    (root / "sys/fs/cgroup/app" / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    assert OPENMETRICS.write(ContainerFigures(root).collect()).endswith(b"# EOF\n")


def test_a_file_without_end_is_read_for_a_while(tmp_path: Path) -> None:
    """It is no file of the kernel's."""
    root = tree(tmp_path, changed={"memory.stat": "inactive_file 5\n" * 100_000})
    assert len(container._read(root / "sys/fs/cgroup/app/memory.stat")) == container.MAX_FILE


def test_the_real_one_is_read(shown: Any) -> None:
    """Whatever this machine has."""
    assert all(value >= 0 for value in shown(ContainerFigures()).values())
