"""doctor, plan, inspect, demo and ``stream.problem`` on hosts that are not as most are: what is, is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ruth
from harness.agents import configure, launched, view_agent, wait_observed
from harness.exports import put
from harness.published import FRAME, exporter_of
from harness.rings import kill as kill_ring
from launch.observe.inspection.maps import has_native
from launch.prepare.doctor.judge import CHECKS
from ruth.export.layout import RING_SIZE_MAX, SLOT_COUNT_OFFSET, FrameRecord, pack_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Processes, Roots

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def run(
    roots: Roots, *arguments: str | Path, before: Sequence[str] = (), **environ: str
) -> subprocess.CompletedProcess[str]:
    """One verb, to its end."""
    return subprocess.run(
        [*before, sys.executable, "-m", "launch.cli.main", *map(str, arguments)],
        env=roots.environ() | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare(1)")
@pytest.mark.parametrize(("option", "unseen"), [("subset=pid", 5), ("hidepid=invisible", 0)])
def test_a_reduced_proc(roots: Roots, option: str, unseen: int) -> None:
    """With a /proc that shows less, doctor makes every check that it can, and names those that it cannot."""
    script = f'mount -t proc -o {option} proc /proc && exec "$0" "$@"'
    answer = run(roots, "doctor", before=("unshare", "-m", "sh", "-c", script))
    if "mount: " in answer.stderr:
        pytest.skip(f"no /proc with {option} can be mounted here: {answer.stderr}")
    assert answer.returncode == 0, answer.stderr
    lines = [line for line in answer.stdout.splitlines() if line[:4] in ("ok  ", "warn", "fail")]
    assert len(lines) == len(CHECKS)
    assert answer.stdout.count("not all could be looked at (/proc/") == unseen


@needs_root
def test_huge_pages_are_counted(roots: Roots) -> None:
    """On a tmpfs that is mounted with huge=always, doctor and plan count a state with a whole huge page."""
    size = Path("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
    base = roots.state.parent / "mounted"
    base.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "huge=always,size=2g", "tmpfs", base], capture_output=True
    )
    if mounted.returncode != 0 or not size.exists():
        pytest.skip("no tmpfs with huge pages can be mounted here")
    try:
        config = configure(roots, *(f"camera-{number}" for number in range(500)))
        here = {"VAS_EXPORT_ROOT": str(base / "vas"), "RUTH_STATE_ROOT": str(base / "ruth")}
        page = int(size.read_text())
        answer = run(roots, "doctor", "-c", config, **here)
        (line,) = [line for line in answer.stdout.splitlines() if " state root  " in line]
        assert line.startswith("warn")
        assert f"each state takes {page // 1024} KiB, {500 * page / 1e6:,.0f} MB in all" in line
        assert "huge=never" in answer.stdout
        planned = json.loads(run(roots, "plan", config, "--json", **here).stdout)
        assert planned["state_bytes"] == 500 * page
        assert "(huge=always)" in run(roots, "plan", config, **here).stdout.replace("\n" + " " * 18, " ")
    finally:
        subprocess.run(["umount", base], check=True)


def test_a_ring_that_is_too_large_to_map(roots: Roots, processes: Processes) -> None:
    """stream.problem, inspect and doctor say that a ring is larger than an agent may map."""
    exporter = exporter_of(roots, "a")
    assert exporter._ring is not None
    kill_ring(exporter._ring)
    exporter.close()
    again = exporter_of(roots, "a")
    again.publish(FRAME, 1)
    camera = roots.export / "a"
    meta = bytearray((camera / "frame.meta").read_bytes())
    slot_size = (RING_SIZE_MAX // 4 // 4096 + 1) * 4096
    meta[SLOT_COUNT_OFFSET : SLOT_COUNT_OFFSET + 12] = (4).to_bytes(4, "little") + slot_size.to_bytes(
        8, "little"
    )
    (camera / "frame.meta").write_bytes(meta)
    os.truncate(camera / "frame.data", 4 * slot_size)  # a hole: no memory
    launched(roots, processes, "a")
    words = f"a ring of {4 * slot_size} bytes, at most {RING_SIZE_MAX}"
    with ruth.attach("a", "audit", export_root=str(roots.export), state_root=str(roots.state)) as stream:
        assert words in str(stream.problem)
    assert words in run(roots, "inspect", "a").stdout
    assert words in run(roots, "doctor").stdout


def test_version_1_off_a_tmpfs(roots: Roots, processes: Processes, tmp_path: Path) -> None:
    """Where version 1 is not on a tmpfs, stream.problem says that its pixels cannot be told."""
    if os.stat(tmp_path).st_dev == os.stat("/dev/shm").st_dev:
        pytest.skip("the temporary folder is a tmpfs")
    moved = type(roots)(tmp_path / "vas", roots.state)
    launched(moved, processes, "a")
    camera = moved.export / "a"
    camera.mkdir(parents=True)
    for frame_id in range(3):
        record = FrameRecord(1, 0, frame_id, frame_id + 1, 64, 48, 0, 64, len(FRAME), 0, 0)
        put(camera, pack_record(record), FRAME)
        wait_observed(moved, "a", frame_id)
    with ruth.attach("a", "audit", export_root=str(moved.export), state_root=str(moved.state)) as stream:
        assert "is not on a tmpfs" in str(stream.problem)


@pytest.mark.parametrize(
    "path",
    [
        "/venv/lib/python3.11/site-packages/launch/agent/native/native.so",
        "/venv/lib/python3.11/site-packages/launch/agent/native/native.so (deleted)",
        "/venv/lib/python3.11/site-packages/~aunch/native/native.so (deleted)",
        "/tmp/pip-uninstall-x1y2/native.so (deleted)",
    ],
)
def test_what_an_upgrade_does_to_a_running_agent(path: str) -> None:
    """An agent that began in C is said to have, also once an upgrade has moved or removed its library."""
    assert has_native(f"7f00-7f01 r-xp 00000000 fe:00 42                         {path}\n")
    assert not has_native("7f00-7f01 r-xp 00000000 fe:00 42             /usr/lib/libnative.so.1\n")


@needs_root
def test_a_demo_without_shared_memory_says_so_at_once(roots: Roots, processes: Processes) -> None:
    """Where /dev/shm is too small, the demo ends at once and with the reason."""
    script = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$0" "$@"'
    answer = run(
        roots, "demo", "--seconds", "3", "--cameras", "2", before=("unshare", "-m", "sh", "-c", script)
    )
    if "mount: " in answer.stderr or "unshare" in answer.stderr:
        pytest.skip("no /dev/shm of its own can be mounted here")
    assert answer.returncode == 1
    assert "not exported: " in answer.stderr
    assert "No space left on device" in answer.stderr
    assert "not within" not in answer.stderr


@pytest.mark.parametrize("variable", ["VAS_EXPORT_ROOT", "RUTH_STATE_ROOT"])
@pytest.mark.parametrize("path", ["/dev/shm/" + "x" * 300, "/dev/shm" + "/yyyyyyyy" * 500])
def test_a_root_that_is_too_long_is_refused(roots: Roots, variable: str, path: str) -> None:
    """A root below which no path can be used is wrong usage, with the variable and what is allowed."""
    answer = run(roots, "up", "-d", configure(roots, "a"), **{variable: path})
    assert answer.returncode == 2
    assert variable in answer.stderr
    assert "at most" in answer.stderr or "more than 255" in answer.stderr
    assert len(answer.stderr) < 500
    assert view_agent(roots, "a").state == "absent"


def test_peek_into_a_file_without_a_name(roots: Roots) -> None:
    """``peek -o ''`` is wrong usage, said as that."""
    answer = run(roots, "peek", "a", "-o", "")
    assert (answer.returncode, answer.stderr) == (
        2,
        "ruth: -o '': the name of a file is empty ('-' is standard output)\n",
    )
