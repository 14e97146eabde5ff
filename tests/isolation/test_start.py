"""An agent's process that begins in C is the one that begins in Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from agents import launched, look, wait_observed
from launch.native.library import VARIABLE
from published import FRAME, exporter_of
from ruth.agent.state import (
    EXPORT_EPOCH_OFFSET,
    EXPORT_INODE_OFFSET,
    ID_SIZE,
    LAUNCHER_PID_OFFSET,
    OBSERVED_OFFSET,
    PID_OFFSET,
    SEQUENCE_OFFSET,
    START_TICKS_OFFSET,
    STARTED_OFFSET,
    STATE_SIZE,
)
from ruth.identity import STATE_NAME
from waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from conftest import Processes, Roots

CAMERAS = ("c", "p")
STATUS = {
    "Umask", "Threads", "SigQ", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm",
    "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "CoreDumping",
}  # fmt: skip
"""Lines of /proc/<pid>/status that must be the same."""
OF_THE_LAUNCHER = ("Max address space", "Max data size")
"""Limits that are counted from what the launcher had."""
OWN = (
    PID_OFFSET,
    START_TICKS_OFFSET,
    STARTED_OFFSET,
    LAUNCHER_PID_OFFSET,
    OBSERVED_OFFSET,
    EXPORT_INODE_OFFSET,
    EXPORT_EPOCH_OFFSET,
)
"""Fields of the record that no two agents have in common."""


def both_ways(roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Pid by camera: c begins in C, p in Python. Confined, both."""
    pids = {}
    for camera, word in (("c", "on"), ("p", "off")):
        monkeypatch.setenv(VARIABLE, word)
        pids |= launched(roots, processes, camera)
        wait_until(lambda camera=camera: look(roots, camera).confinement, f"{camera} is confined")
    return pids


def traits(pid: int) -> dict[str, object]:
    """What the kernel says of a process, but for what is its own."""
    base = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (base / "status").read_text().splitlines())
    fields = (base / "stat").read_text().rpartition(")")[2].split()
    group, session, terminal, priority, nice = (fields[at] for at in (2, 3, 4, 15, 16))
    limits = (base / "limits").read_text().splitlines()[1:]
    camera = (base / "cmdline").read_bytes().rstrip(b"\0").rpartition(b" ")[2].decode()
    return {
        "status": {name: status[name].strip() for name in STATUS & status.keys()},
        "name": status["Name"].replace(camera, "").strip(),
        "title": (base / "cmdline").read_bytes().rstrip(b"\0").removesuffix(camera.encode()),
        "leads": (group, session) == (str(pid), str(pid)),
        "nice": (terminal, priority, nice),
        "limits": [line for line in limits if not line.startswith(OF_THE_LAUNCHER)],
        "oom_score_adj": (base / "oom_score_adj").read_text(),
        "cwd": os.readlink(base / "cwd"),
        # A set: a mapping of Python's keeps a descriptor of its own.
        "files": {os.readlink(entry).replace(f"/{camera}/", "/") for entry in (base / "fd").iterdir()},
    }


def test_the_process_is_the_same(roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its session, name, descriptors, signals, limits, priority and filters do not tell how it began."""
    pids = both_ways(roots, processes, monkeypatch)
    in_c, in_python = (traits(pid) for pid in pids.values())
    assert in_c == in_python


def test_the_record_is_the_same(roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte that is not the process's own, or its export's, before the first frame and after it."""
    both_ways(roots, processes, monkeypatch)
    assert content(roots, "c") == content(roots, "p")
    exporters = [exporter_of(roots, camera) for camera in CAMERAS]
    for exporter in exporters:
        assert exporter.publish(FRAME, 10**9)
    for camera in CAMERAS:
        wait_observed(roots, camera, 0)
    assert content(roots, "c") == content(roots, "p")
    for exporter in exporters:
        exporter.close()


def test_a_record_is_taken_over_from_whoever_died(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in the state: its sequence and wake word go on, and nothing else of it is left."""
    for camera in CAMERAS:
        folder = roots.state / camera
        folder.mkdir(parents=True)
        (folder / STATE_NAME).write_bytes(b"\xa7" * STATE_SIZE)
    both_ways(roots, processes, monkeypatch)
    in_c, in_python = content(roots, "c"), content(roots, "p")
    assert in_c == in_python
    assert int.from_bytes(in_c[SEQUENCE_OFFSET : SEQUENCE_OFFSET + 8], "little") % 2 == 0


def test_python_goes_on_where_c_leaves_off(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After what C leaves to Python, a frame that goes back in time, records are the same again."""
    both_ways(roots, processes, monkeypatch)
    exporters = [exporter_of(roots, camera) for camera in CAMERAS]
    for frame_id, timestamp_ns in enumerate((10**9, 2 * 10**9, 10**8, 3 * 10**9)):
        for exporter in exporters:
            assert exporter.publish(FRAME, timestamp_ns)
        for camera in CAMERAS:
            wait_observed(roots, camera, frame_id)
        assert content(roots, "c") == content(roots, "p")
    for exporter in exporters:
        exporter.close()


def content(roots: Roots, camera: str) -> bytes:
    """The bytes of a camera's record, without those that no other has."""
    found = bytearray((roots.state / camera / STATE_NAME).read_bytes())
    for offset in OWN:
        found[offset : offset + 8] = bytes(8)
    return bytes(found).replace(camera.encode().ljust(ID_SIZE, b"\0"), bytes(ID_SIZE), 1)
