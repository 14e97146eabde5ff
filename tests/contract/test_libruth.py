"""libruth: a model in C gets what an agent allowed it, and an exporter in C keeps the rules of one.

Both programs are compiled with AddressSanitizer and UBSan, whose findings end them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from conftest import PROJECT
from harness.agents import launched, pid_of, record, view_agent, wait_observed
from harness.published import Messages, exporter_of
from harness.waiting import wait_until
from launch.vas.version1 import Version1Exporter
from ruth.export.layout import META_SIZE_V2
from ruth.native.source import INCLUDE, POLL_NS, whole_source
from ruth.runtime import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Processes, Roots

HERE = Path(__file__).resolve().parent
CAMERA = "front-door"
WIDTH, HEIGHT, ROWS = 64, 48, 72
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")
PICTURE = {"version": 2, "width": WIDTH, "height": HEIGHT, "stride": WIDTH, "range": 2, "matrix": 2}


def pixels(frame_id: int) -> bytes:
    """The pixels of a frame, as payload.h has them."""
    row, column = np.ogrid[:ROWS, :WIDTH]
    return (7 * frame_id + 3 * row + column).astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both programs, compiled."""
    folder = tmp_path_factory.mktemp("c")
    library = folder / "ruth.c"
    library.write_text(whole_source())
    options = ("-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", f"-I{INCLUDE}", *SANITIZERS)
    for name in ("writer", "model"):
        done = subprocess.run(
            ["gcc", *options, HERE / f"{name}.c", library, "-o", folder / name],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def model(
    programs: Path, roots: Roots, processes: Processes
) -> Callable[..., tuple[subprocess.Popen[str], Iterator[dict[str, int]]]]:
    """Starts a model that has attached; gives its process, and what it prints."""

    def start(
        count: int, model_id: str = "audit", timeout_s: float = 20
    ) -> tuple[subprocess.Popen[str], Iterator[dict[str, int]]]:
        process: subprocess.Popen[str] = processes.start(
            programs / "model",
            CAMERA,
            model_id,
            str(count),
            str(timeout_s),
            env=roots.environ(),
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "attached\n"
        return process, map(json.loads, process.stdout)

    return start


Model = Any  # of the fixture above


def test_a_model_gets_each_frame_that_it_takes_in_time(
    roots: Roots, processes: Processes, model: Model
) -> None:
    """With its pixels, its picture and its time, whole; and what the record says of damage."""
    launched(roots, processes, CAMERA)
    exporter = exporter_of(roots, CAMERA, pixel_range="full", matrix="bt709")
    process, said = model(6)
    for frame_id in range(6):
        assert exporter.publish(pixels(frame_id), 1000 + frame_id, damaged=frame_id == 3)
        damaged = int(frame_id == 3)
        expected = PICTURE | {"frame_id": frame_id, "timestamp_ns": 1000 + frame_id, "damaged": damaged}
        assert next(said) == expected | {"same": 1, "intact": 1}
    assert next(said) == {"received": 6, "lost": 0, "dropped": 0}
    assert process.wait(timeout=10) == 0
    exporter.close()


def test_the_newest_is_given_and_the_rest_counted(roots: Roots, processes: Processes, model: Model) -> None:
    """The first to attach gets the present frame; a slow one gets the newest, and counts the rest."""
    launched(roots, processes, CAMERA)
    exporter = exporter_of(roots, CAMERA)
    exporter.publish(pixels(0), 1000)
    wait_observed(roots, CAMERA, 0)
    process, said = model(2)
    assert next(said)["frame_id"] == 0
    process.send_signal(19)  # SIGSTOP
    for frame_id in range(1, 4):
        exporter.publish(pixels(frame_id), 1000 + frame_id)
        wait_observed(roots, CAMERA, frame_id)
    process.send_signal(18)  # SIGCONT
    assert next(said)["frame_id"] == 3
    assert next(said) == {"received": 2, "lost": 0, "dropped": 2}
    exporter.close()


def test_a_capped_model_gets_what_the_gate_allows(roots: Roots, processes: Processes, model: Model) -> None:
    """A frame that its subscription was not allowed is never given."""
    launched(roots, processes, CAMERA)
    exporter = exporter_of(roots, CAMERA)
    _, said = model(3, "person")  # 5 a second
    taken = []
    for frame_id in range(11):
        exporter.publish(pixels(frame_id), 1_000_000_000 + 40_000_000 * frame_id)
        wait_observed(roots, CAMERA, frame_id)
        if frame_id % 5 == 0:
            taken.append(next(said)["frame_id"])
    assert taken == [0, 5, 10]
    exporter.close()


def test_version_1(roots: Roots, processes: Processes, model: Model) -> None:
    """A frame of the frozen VAS: the one that was decided on, never the next one's pixels."""
    launched(roots, processes, CAMERA)
    exporter = Version1Exporter(str(roots.export), CAMERA, WIDTH, HEIGHT, Messages())
    process, said = model(4)
    for frame_id in range(4):
        buffer = exporter.begin_frame()
        assert buffer is not None
        buffer[:] = pixels(frame_id)
        assert exporter.commit(1000 + frame_id)
        found = next(said)
        assert found == PICTURE | {
            "frame_id": frame_id,
            "timestamp_ns": found["timestamp_ns"],
            "version": 1,
            "range": 0,
            "matrix": 0,
            "damaged": 0,
            "same": 1,
            "intact": 1,
        }
    assert next(said) == {"received": 4, "lost": 0, "dropped": 0}
    assert process.wait(timeout=10) == 0
    exporter.close()


def test_agents_and_writers_that_end_are_waited_out(roots: Roots, processes: Processes, model: Model) -> None:
    """A model that attached first of all goes on through another writer and another agent."""
    process, said = model(3)
    launched(roots, processes, CAMERA)
    for session in range(2):
        exporter = exporter_of(roots, CAMERA)
        exporter.publish(pixels(0), 1000 + session)
        assert next(said)["timestamp_ns"] == 1000 + session
        exporter.close()
    os.kill(pid_of(roots, CAMERA), 9)
    wait_until(lambda: view_agent(roots, CAMERA).state == "dead", "the agent is dead")
    launched(roots, processes, CAMERA)
    exporter = exporter_of(roots, CAMERA)
    exporter.publish(pixels(0), 2000)
    assert next(said)["timestamp_ns"] == 2000
    assert process.wait(timeout=10) == 0
    exporter.close()


def test_nothing_comes(roots: Roots, model: Model) -> None:
    """Without agent and export a model waits as long as it said, and then has nothing."""
    process, said = model(1, timeout_s=0.05)
    assert list(said) == [{"received": 0, "lost": 0, "dropped": 0}]
    assert process.wait(timeout=10) == 0


def test_an_id_that_is_none(roots: Roots, programs: Path) -> None:
    """No path is built from anything but an id."""
    for camera, model_id in (("..", "audit"), ("a/b", "audit"), ("", "audit"), ("a", "x" * 65), ("a", "-b")):
        done = subprocess.run(
            [programs / "model", camera, model_id, "1", "0"],
            env=roots.environ(),
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "model: Invalid argument\n")


def written(
    programs: Path, roots: Roots, *arguments: str, camera: str = CAMERA, flag: str | None = "true"
) -> tuple[int, str]:
    """Exit code and message of a writer whose input is at its end."""
    done = subprocess.run(
        [programs / "writer", roots.export / camera, *arguments],
        env=roots.environ(flag=flag),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def test_the_flag(programs: Path, roots: Roots) -> None:
    """Off, it makes nothing, not even a folder; each word that means on does, in any case."""
    for flag in (None, "", "false", "2", "truely"):
        assert written(programs, roots, "64", "48", "64", "2", "1", flag=flag) == (
            2,
            "writer: no export: the flag is off\n",
        )
    assert not roots.export.exists()
    for flag in ("true", "1", "YES", "On"):
        assert written(programs, roots, "64", "48", "64", "2", "9", flag=flag) == (0, "")
    assert list((roots.export / CAMERA).iterdir()) == []


@pytest.mark.parametrize(
    "form",
    [
        ("0", "48", "64", "2"),
        ("63", "48", "64", "2"),
        ("64", "47", "64", "2"),
        ("64", "48", "62", "2"),
        ("64", "48", "64", "1"),
        ("64", "48", "64", "63"),
        ("4294967294", "4294967294", "4294967294", "2"),
        ("65536", "65536", "65536", "2"),
    ],
)
def test_a_form_that_is_none(programs: Path, roots: Roots, form: tuple[str, ...]) -> None:
    """A size, stride or number of slots that is not valid is refused in words, and nothing is made."""
    code, said = written(programs, roots, *form, "1")
    assert (code, said.startswith(f"writer: no export: {roots.export / CAMERA}: width and height even")) == (
        2,
        True,
    )
    assert not roots.export.exists()


def test_a_second_writer_is_refused(programs: Path, roots: Roots) -> None:
    """While one writer exports a camera, the one in C leaves its files alone."""
    exporter = exporter_of(roots, CAMERA)
    before = sorted((path.name, path.stat().st_ino) for path in (roots.export / CAMERA).iterdir())
    code, said = written(programs, roots, "64", "48", "64", "2", "1")
    assert (code, said.endswith("another writer exports this camera already\n")) == (2, True)
    assert sorted((path.name, path.stat().st_ino) for path in (roots.export / CAMERA).iterdir()) == before
    exporter.close()


def test_no_room_for_a_second_ring(programs: Path, roots: Roots, processes: Processes) -> None:
    """On a full tmpfs the memory of a killed writer is used again, and none of its frames counts any more."""
    roots.export.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60k", "none", roots.export], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a tmpfs of its own cannot be mounted here: {mounted.stderr.strip()}")
    try:
        camera = roots.export / CAMERA
        killed = processes.start(
            programs / "writer", camera, "64", "48", "64", "6", "6", env=roots.environ(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"ready\n"
        assert killed.stdout.readline() == b"published 6\n"
        killed.kill()
        killed.wait(timeout=10)
        inode = (camera / "frame.data").stat().st_ino
        with (camera / "frame.meta").open("rb") as old:
            second = processes.start(
                programs / "writer", camera, "64", "48", "64", "6", "1", env=roots.environ(),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr,
            )  # fmt: skip
            assert second.stdout is not None
            assert second.stdout.readline() == b"ready\n"
            retired = old.read(META_SIZE_V2)
        assert (camera / "frame.data").stat().st_ino == inode
        assert retired[96] & 2
        assert all(retired[128 + 64 * slot + 56] & 1 for slot in range(6))
        second.communicate(timeout=10)
        assert second.returncode == 0
    finally:
        subprocess.run(["umount", roots.export], check=True)


def test_the_longest_wait_is_that_of_a_stream() -> None:
    """C has the number of ruth.runtime.stream."""
    assert stream.POLL_NS == POLL_NS


def test_states_of_other_versions_are_not_read(roots: Roots, processes: Processes, model: Model) -> None:
    """A record whose version is not known gives nothing."""
    launched(roots, processes, CAMERA)
    assert record(roots, CAMERA).frames == 0
    copied = roots.state / CAMERA / "agent.state"
    content = bytearray(copied.read_bytes())
    content[0] += 1
    copied.unlink()
    copied.write_bytes(content)
    process, said = model(1, timeout_s=0.05)
    assert list(said) == [{"received": 0, "lost": 0, "dropped": 0}]
    assert process.wait(timeout=10) == 0


def test_the_programs_of_the_page(tmp_path: Path, roots: Roots) -> None:
    """Those of docs/native.md compile as it says, without a warning; the exporting one leaves no file."""
    found = subprocess.run(
        [sys.executable, "-m", "ruth.native", "--cflags", "--libs"],
        capture_output=True,
        text=True,
        check=True,
    )
    codes = re.findall(r"```c\n(.*?)```", (PROJECT / "docs" / "native.md").read_text(), re.DOTALL)
    assert len(codes) == 2
    for number, code in enumerate(codes):
        source, program = tmp_path / f"{number}.c", tmp_path / str(number)
        source.write_text(code)
        command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Wconversion", "-Werror", source, "-o", program]
        done = subprocess.run([*command, *shlex.split(found.stdout)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    done = subprocess.run([tmp_path / "1"], env=roots.environ(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert list((roots.export / CAMERA).iterdir()) == []
