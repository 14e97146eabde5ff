from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch.prepare.doctor.control_groups import group_rooms
from launch.prepare.doctor.mounts import Mount

if TYPE_CHECKING:
    from pathlib import Path


def put(folder: Path, **files: str) -> None:
    """Files of a control group; the first dot of a name is written as two underscores."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n", encoding="ascii")


def unified(folder: Path, root: str = "/") -> Mount:
    """A mount of version 2."""
    return Mount(root, str(folder), "cgroup2", ("rw",))


def test_version_2(tmp_path: Path) -> None:
    """The limits of a group and of those above it all count; a group without a limit does not."""
    put(tmp_path, cgroup__procs="")
    put(tmp_path / "a", pids__max="100", pids__current="7", memory__max="max", memory__current="5")
    put(tmp_path / "a" / "b", pids__max="max", pids__current="3", memory__max="4096", memory__current="1000")
    tasks, memory = group_rooms([unified(tmp_path)], "0::/a/b\n")
    assert [(room.name, room.limit, room.used) for room in tasks] == [(f"{tmp_path}/a/pids.max", 100, 7)]
    assert [(room.name, room.left) for room in memory] == [(f"{tmp_path}/a/b/memory.max", 3096)]


def test_memory_that_can_be_let_go(tmp_path: Path) -> None:
    """Cached files that no process has used lately do not count as used."""
    put(tmp_path, memory__max="4096", memory__current="1000", memory__stat="anon 1\ninactive_file 600\nx 9")
    _, (room,) = group_rooms([unified(tmp_path)], "0::/\n")
    assert (room.used, room.left) == (400, 3696)


def test_version_1(tmp_path: Path) -> None:
    """In version 1 each controller has its own hierarchy; its largest number means no limit."""
    put(tmp_path / "pids" / "a", pids__max="50", pids__current="50")
    put(
        tmp_path / "memory" / "a",
        memory__limit_in_bytes="9223372036854771712",
        memory__usage_in_bytes="5",
    )
    put(tmp_path / "memory", memory__limit_in_bytes="8192", memory__usage_in_bytes="5")
    mounts = [
        Mount("/", str(tmp_path / "pids"), "cgroup", ("rw", "pids")),
        Mount("/", str(tmp_path / "memory"), "cgroup", ("rw", "memory")),
        Mount("/", str(tmp_path / "none"), "cgroup", ("rw", "cpu", "cpuacct")),
    ]
    tasks, memory = group_rooms(mounts, "3:pids:/a\n2:memory:/a\n1:cpu,cpuacct:/a\n0::/\n")
    assert [(room.limit, room.left) for room in tasks] == [(50, 0)]
    assert [(room.limit, room.used) for room in memory] == [(8192, 5)]


@pytest.mark.parametrize("path", ["/docker/f00", "/docker/f00/inner", "/elsewhere"])
def test_a_container_sees_a_part(tmp_path: Path, path: str) -> None:
    """Where only a part of the hierarchy is mounted, its top is the highest group there is."""
    put(tmp_path, pids__max="10", pids__current="1")
    put(tmp_path / "inner", pids__max="5", pids__current="1")
    tasks, _ = group_rooms([unified(tmp_path, root="/docker/f00")], f"0::{path}\n")
    assert [room.limit for room in tasks] == ([5, 10] if path.endswith("inner") else [10])


def test_no_control_groups() -> None:
    """A machine without control groups has no limits of theirs."""
    assert group_rooms([], "") == ([], [])
    assert group_rooms([unified("/no/such/folder")], "0::/a\n") == ([], [])  # type: ignore[arg-type]
