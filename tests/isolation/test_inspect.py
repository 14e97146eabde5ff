"""``ruth inspect``: everything about one camera, alive, stopped, dead or absent."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from doubles.frozen_vas import Version1Writer
from harness.agents import configure, launched, open_files, pid_of, view_agent, wait_dead, wait_observed
from harness.commands import run_ruth_text
from harness.exports import DATA_V2, META_V2, patched, put
from harness.published import FRAME, HEIGHT, WIDTH, Feed, exporter_of
from harness.waiting import wait_until
from launch.observe.liveness import read_sighting as sighting_of
from ruth.export.layout import NO_FRAME_EVER, STRIDE_OFFSET

if TYPE_CHECKING:
    import subprocess

    from conftest import Processes, Roots

LONGEST = "x" * 64


def run(roots: Roots, *arguments: str, width: int | None = None) -> subprocess.CompletedProcess[str]:
    """Runs ``ruth inspect`` to its end."""
    environ = roots.environ() | ({} if width is None else {"COLUMNS": str(width)})
    return run_ruth_text("inspect", *arguments, env=environ)


def inspect(roots: Roots, camera_id: str, *options: str) -> dict[str, Any]:
    """The object that it prints."""
    done = run(roots, camera_id, "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def shown(roots: Roots, camera_id: str, width: int | None = None) -> str:
    """What it prints for a human, values on one line each unless there is a width."""
    done = run(roots, camera_id, width=width)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_fed_agent(roots: Roots, processes: Processes) -> None:
    """A fed agent: what ps says and its process, header, read-only maps, limits and decisions."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    with Feed({"a": exporter}):
        wait_until(lambda: view_agent(roots, "a").frames > 30, "it has seen frames")
        found = inspect(roots, "a")
        text = shown(roots, "a")
    assert (found["pid"], found["state"], found["export"], found["stopped"]) == (pid, "running", "v2", False)
    assert found["session"] == 1
    process = found["process"]
    assert process["parent_pid"] == process["launcher_pid"]
    assert process["launcher_lives"]
    assert process["descriptors"] == len(open_files(pid))
    assert process["threads"] == 1
    assert found["activity"]["fps"] > 0
    assert found["activity"]["wake_ups_per_s"] > 0
    maps = {mapped["path"]: mapped for mapped in process["maps"]}
    for name in ("frame.meta", "frame.data"):
        mapped = maps[str(roots.export / "a" / name)]
        assert (mapped["permissions"], mapped["read_only"], mapped["deleted"]) == ("r--s", True, False)
    assert maps[str(roots.state / "a" / "agent.state")]["read_only"] is False
    header = found["header"]
    assert header["problem"] is None
    assert (header["record"]["version"], header["record"]["width"], header["record"]["height"]) == (
        2,
        WIDTH,
        HEIGHT,
    )
    assert header["ring"]["slot_count"] == 4
    person, plate, audit = found["models"]
    assert 0 < person["mean_fps"] <= 5.0
    assert 0 < plate["mean_fps"] <= 2.5
    assert audit["skipped"] == 0
    assert f"pid {pid}, " in text
    assert f"r--s read-only 4096 bytes {roots.export}/a/frame.meta" in text
    assert text.count("read-only") == 2
    assert "core dump none (limit 1 B)" in " ".join(text.split())
    exporter.close()


def test_version_1(roots: Roots, processes: Processes) -> None:
    """Of version 1 every field of the header is shown; its files are read without a mapping."""
    folder = roots.export / "a"
    folder.mkdir(parents=True)
    Version1Writer(folder).write(7, time.time_ns())
    launched(roots, processes, "a")
    wait_observed(roots, "a", 7)
    found = inspect(roots, "a")
    assert (found["export"], found["header"]["ring"]) == ("v1", None)
    assert (found["header"]["record"]["version"], found["header"]["record"]["frame_id"]) == (1, 7)
    assert [mapped["path"].rpartition("/")[2] for mapped in found["process"]["maps"]] == ["agent.state"]
    assert "version 1 in " in shown(roots, "a")


def test_what_is_said_of_pixels(roots: Roots) -> None:
    """Range, matrix and damage of the newest frame are shown, and what is assumed where nothing is said."""
    exporter = exporter_of(roots, "a", pixel_range="full", matrix="bt2020")
    exporter.publish(FRAME, time.monotonic_ns(), damaged=True)
    assert "\npicture      full range, BT.2020, damaged\n" in shown(roots, "a")
    said = inspect(roots, "a")["header"]
    assert said["picture"] == {"range": "full", "matrix": "bt2020", "damaged": True}
    assert said["record"]["picture"] == 0x010302
    exporter.close()
    exporter = exporter_of(roots, "b")
    assert "\npicture      limited range (not said, assumed), BT.601 (not said, assumed)\n" in shown(
        roots, "b"
    )
    assert inspect(roots, "b")["header"]["picture"] == {"range": None, "matrix": None, "damaged": False}
    exporter.close()


def test_files_that_stay_empty(roots: Roots, processes: Processes) -> None:
    """Of two empty files it is said that no frame was ever written."""
    folder = roots.export / "a"
    folder.mkdir(parents=True)
    Version1Writer(folder).start()
    launched(roots, processes, "a")
    assert inspect(roots, "a")["header"]["problem"] == NO_FRAME_EVER
    assert f"not valid: {NO_FRAME_EVER}" in " ".join(shown(roots, "a").split())


def test_a_stopped_agent(roots: Roots, processes: Processes) -> None:
    """A stopped agent is described as such, and stays stopped."""
    pid = launched(roots, processes, "a")["a"]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: sighting_of(str(roots.state), "a").stopped, "it is stopped")
    found = inspect(roots, "a")
    assert (found["pid"], found["stopped"], found["process"]["status"]) == (pid, True, "stopped")
    assert found["activity"]["wake_ups_per_s"] == 0
    assert "\nstate        stopped, up " in shown(roots, "a")
    assert sighting_of(str(roots.state), "a").stopped


def test_a_dead_agent(roots: Roots, processes: Processes) -> None:
    """Of a dead agent there is how it died, who keeps it, and what it last decided."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    os.kill(pid, signal.SIGSEGV)
    wait_dead(roots, "a")
    found = inspect(roots, "a")
    assert (found["pid"], found["state"], found["death"]) == (None, "dead", "SIGSEGV")
    assert (found["process"]["pid"], found["process"]["status"]) == (pid, "zombie")
    assert [model["last_decision"] for model in found["models"]] == ["ALLOW"] * 3
    assert found["activity"] is None
    parent = found["process"]["parent_pid"]
    said = shown(roots, "a").splitlines()[1]
    assert said.startswith("state        dead, crashed: SIGSEGV, ")
    assert said.endswith(f" (pid {pid}, kept by its parent {parent})")
    exporter.close()


def test_a_dead_agent_of_a_dead_launcher(roots: Roots, processes: Processes) -> None:
    """When the launcher is gone as well, that is what is said."""
    launcher = processes.ruth("up", configure(roots, "a"), env=roots.environ())
    pid = pid_of(roots, "a")
    launcher.kill()
    launcher.wait(timeout=60)
    wait_until(lambda: sighting_of(str(roots.state), "a").pid == pid, "it lives on")
    assert "which has ended" in shown(roots, "a")
    os.kill(pid, signal.SIGKILL)
    wait_dead(roots, "a")
    os.waitpid(pid, 0)
    found = inspect(roots, "a")
    assert (found["state"], found["death"], found["process"]) == ("dead", None, None)
    assert "with its launcher the kernel's memory of it has ended" in " ".join(shown(roots, "a").split())


def test_an_absent_agent(roots: Roots) -> None:
    """A camera with an export and no agent is described; so is one that is only configured."""
    exporter = exporter_of(roots, "a")
    found = inspect(roots, "a")
    assert (found["state"], found["process"], found["models"]) == ("absent", None, [])
    assert found["header"]["ring"]["slot_count"] == 4
    assert "absent: no agent was started" in shown(roots, "a")
    found = inspect(roots, "b", "-c", str(configure(roots, "b")))
    assert (found["state"], found["header"]["record"]) == ("absent", None)
    assert not roots.state.exists()
    exporter.close()


def test_an_unknown_camera(roots: Roots, processes: Processes) -> None:
    """A camera of which nothing is known is a failure, and the nearest name is offered."""
    launched(roots, processes, "front-door")
    done = run(roots, "front-dor")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ruth: front-dor: no agent and no export; did you mean 'front-door'?\n"


@pytest.mark.parametrize("camera", ["..", "a/b", "", "x" * 65])
def test_no_camera_id(roots: Roots, camera: str) -> None:
    """A name that is not a valid camera id is refused with exit code 2."""
    done = run(roots, camera)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ruth: camera id ")


def test_an_export_that_is_gone(roots: Roots) -> None:
    """A camera whose export was ended is known by its folder, and what is missing is told."""
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, time.monotonic_ns())
    exporter.close()
    assert inspect(roots, "a")["header"]["problem"] == "frame.meta: No such file or directory"
    assert f"none in {roots.export}/a: frame.meta: No such file or directory" in shown(roots, "a")


def test_a_broken_export(roots: Roots, processes: Processes) -> None:
    """Why an agent idles beside an export is told, with the fields as they are."""
    folder = roots.export / "a"
    folder.mkdir(parents=True)
    put(folder, patched(META_V2, (STRIDE_OFFSET, 4, 2)), DATA_V2)
    launched(roots, processes, "a")
    found = inspect(roots, "a")
    assert (found["state"], found["export"]) == ("idle", None)
    assert (found["header"]["record"]["stride"], found["header"]["problem"]) == (2, "stride 2 below width 16")
    assert "not valid: stride 2 below width 16" in shown(roots, "a")


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("camera", ["a", LONGEST], ids=len)
def test_it_keeps_within_the_terminal(roots: Roots, processes: Processes, width: int, camera: str) -> None:
    """No line is longer than the terminal; values go on below their beginning, and nothing is lost."""
    exporter = exporter_of(roots, camera)
    launched(roots, processes, camera)
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, camera, 0)
    text = shown(roots, camera, width)
    assert max(map(len, text.splitlines())) <= width
    values = "".join(line[13:] for line in text.split("\n\n")[0].splitlines()).replace(" ", "")
    assert f"{roots.export}/{camera}/frame.meta" in values
    exporter.close()


def test_a_pipe_has_no_limit(roots: Roots, processes: Processes) -> None:
    """Into a pipe every value is one line."""
    launched(roots, processes, "a")
    names = [line[:13].strip() for line in shown(roots, "a").split("\n\n")[0].splitlines()]
    assert names == [
        "camera", "state", "process", "CPU", "memory", "wake-ups", "descriptors", "limits", "priority",
        "confinement", "native", "maps", "export", "frames",
    ]  # fmt: skip
