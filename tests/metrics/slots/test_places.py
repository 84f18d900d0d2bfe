"""Where figures are shared when nobody said where, and where somebody did."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.metrics.slots import Slot, default_directory, places, shared_directory, workers_hint
from midwatch.metrics.slots.group import boot, is_alive, namespace, own_group

from .conftest import Run, command


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /dev/shm."""
    made = tmp_path / "shm"
    made.mkdir()
    monkeypatch.setattr(places, "MEMORY", made)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    return made


def test_the_directory_is_private_and_named_by_service_and_group(place: Path) -> None:
    found = default_directory("örders/../x" + "y" * 100)
    assert found is not None
    assert found.parent == place / f"midwatch-{os.geteuid()}"
    assert found.stat().st_mode & 0o777 == found.parent.stat().st_mode & 0o777 == 0o700
    assert found.name.startswith("_rders_.._xyyy")
    assert len(found.name) < 120
    assert default_directory("örders/../x" + "y" * 100) == found
    assert default_directory("orders/../x" + "y" * 100) != found
    assert default_directory("") != default_directory("..")


def test_without_shared_memory_it_is_where_temporary_files_are(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / f"midwatch-{os.geteuid()}").symlink_to(tmp_path)
    found = default_directory("orders")
    assert found is not None
    assert found.parent.parent == tmp_path / "tmp"


def test_without_any_place_it_is_said_and_nothing_fails(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    place.rmdir()
    (place.parent / "tmp").write_bytes(b"")
    with caplog.at_level(logging.ERROR, "midwatch"):
        assert default_directory("orders") is None
    assert "metrics.directory" in caplog.text


def test_a_base_that_others_may_write_is_not_used(place: Path) -> None:
    base = place / f"midwatch-{os.geteuid()}"
    base.mkdir(mode=0o700)
    base.chmod(0o777)
    found = default_directory("orders")
    assert found is not None
    assert found.parent.parent != place


def test_directories_of_ended_processes_are_removed_and_no_others(place: Path) -> None:
    base = place / f"midwatch-{os.geteuid()}"
    base.mkdir(mode=0o700)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        pid, here, space = living.pid, boot().hex()[:8], namespace()
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        kept = [f"a-0-{space}-{here}-{pid}-{stat}", "something", f"a-0-{space + 1}-{here}-1-1"]
        gone = [f"a-0-{space}-{here}-{pid}-1", f"a-0-{space}-00000000-{pid}-{stat}", f"a-0-{space + 1}-00000000-1-1"]
        for name in (*kept, *gone):
            (base / name).mkdir()
            if name.startswith("a-") and name != kept[2]:
                slot = Slot(base / name)
                slot.cells("a", (), 1)
                slot.close()
        held = base / f"b-0-{space}-{here}-{pid}-1"
        slot = Slot(held)
        slot.cells("a", (), 1)
        found = default_directory("orders")
        assert found is not None
        assert {path.name for path in base.iterdir()} == {*kept, held.name, found.name}
        slot.close()
        living.communicate(timeout=20)
    assert default_directory("orders") == found
    assert {path.name for path in base.iterdir()} == {*kept[1:], found.name}


def test_a_named_directory_has_one_for_each_service(tmp_path: Path) -> None:
    """Two that name the same one do not add up."""
    found = shared_directory(tmp_path / "a" / "b", "orders")
    assert found.parent == tmp_path / "a" / "b"
    assert found.name.startswith("orders-")
    assert found.stat().st_mode & 0o777 == found.parent.stat().st_mode & 0o777 == 0o700
    assert shared_directory(tmp_path / "a" / "b", "orders") == found
    assert shared_directory(tmp_path / "a" / "b", "../orders") not in {found, tmp_path / "a" / "orders"}
    assert len({shared_directory(tmp_path / "a" / "b", name) for name in ("a/b", "a_b", "", "..")}) == 4
    assert not [*found.iterdir()]


def test_below_one_that_others_may_write_there_is_one_of_our_own(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    found = shared_directory(tmp_path, "orders")
    assert found.parent == tmp_path / f"midwatch-{os.geteuid()}"
    assert found.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ValueError, match="a link"):
        _in_the_way(found.parent, "stock")


def _in_the_way(base: Path, name: str) -> None:
    """A link where the directory of the service would be."""
    made = shared_directory(base, name)
    made.rmdir()
    made.symlink_to(base.parent)
    shared_directory(base, name)


@pytest.mark.parametrize("given", ["/proc/none", "/dev/null", "a\0b"])
def test_one_that_cannot_be_used_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=given.replace("\0", ".")):
        shared_directory(Path(given), "orders")


def test_a_process_alone_is_a_group_of_its_own() -> None:
    group = own_group()
    assert group.pid == os.getpid()
    assert is_alive(group)
    assert not is_alive((group.pid, group.start + 1))
    assert not is_alive((0, 0))
    assert workers_hint() is None


def test_forks_of_a_program_are_a_group_and_so_is_whoever_they_fork(run: Run) -> None:
    run("""from midwatch.metrics.slots.group import own_group
assert own_group().pid == os.getpid()
assert workers_hint() is None
master = os.getpid()
pid = os.fork()
if not pid:
    assert own_group().pid == master
    assert "fork" in workers_hint()
    os._exit(0)
wait(pid)""")


def test_a_worker_that_a_server_started_is_known_by_its_parent(tmp_path: Path, directory: Path) -> None:
    server = tmp_path / "gunicorn"
    server.write_text(
        "import subprocess, sys, os\nprint(os.getpid())\nsys.stdout.flush()\n"
        "sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)"
    )
    script = """from midwatch.metrics.slots.group import own_group
assert own_group().pid == os.getppid()
print(workers_hint())"""
    done = subprocess.run(
        [sys.executable, str(server), *command(script, directory)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "gunicorn" in done.stdout


def test_a_shell_that_started_a_server_is_no_server(directory: Path) -> None:
    script = """from midwatch.metrics.slots.group import own_group
assert own_group().pid == os.getpid()
assert workers_hint() is None"""
    shell = '"$@"; : uvicorn'
    subprocess.run(["/bin/sh", "-c", shell, "uvicorn", *command(script, directory)], check=True, timeout=60)
