from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

import pytest

from harness.waiting import wait_until
from launch.vas.ffmpeg_process import FFmpegProcess, death_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def shell() -> Iterator[Callable[[str], FFmpegProcess]]:
    """Starts a shell in the place of FFmpeg."""
    started: list[FFmpegProcess] = []

    def start(script: str) -> FFmpegProcess:
        started.append(FFmpegProcess(["/bin/sh", "-c", script]))
        return started[-1]

    yield start
    for process in started:
        process.close()


def test_end_is_a_descriptor(shell: Callable[[str], FFmpegProcess]) -> None:
    """Its descriptor becomes readable when it ends, and not before."""
    process = shell("read never; sleep 30")
    assert select.select([process.exit_fd], [], [], 0)[0] == []
    process.terminate()
    assert select.select([process.exit_fd], [], [], 10)[0] == [process.exit_fd]
    assert process.wait() == -signal.SIGTERM


def test_log(shell: Callable[[str], FFmpegProcess]) -> None:
    """What it writes to standard error can be read in lines, also when it is not text."""
    process = shell("printf 'a\\377b\\rc' >&2")
    process.wait()
    assert process.log_tail() == "a\N{REPLACEMENT CHARACTER}b\nc"


def test_log_is_of_one_process(shell: Callable[[str], FFmpegProcess]) -> None:
    """Each has a log of its own, which begins empty and has no name that could be left."""
    shell("echo first >&2").wait()
    second = shell("echo second >&2")
    second.wait()
    assert second.log_tail() == "second\n"
    assert os.fstat(second._log).st_nlink == 0


def test_long_log(shell: Callable[[str], FFmpegProcess], tmp_path: Path) -> None:
    """Of a log that has grown beyond a megabyte the last 64 kB are kept, and no more is ever read."""
    more, go = "yes 'a line of it' | head -c 1100000 >&2", tmp_path / "go"
    process = shell(
        f"{more}; echo first >&2; until test -e {go}; do sleep 0.02; done; echo last >&2; sleep 30"
    )
    wait_until(lambda: process.log_tail().endswith("first\n"), "a long log")
    assert len(process.log_tail()) <= 65536
    process.trim_log()
    assert os.fstat(process._log).st_size == 0
    assert process.log_tail().startswith("a line of it\n")
    go.touch()
    wait_until(lambda: process.log_tail().endswith("first\nlast\n"), "what is logged after that")


def test_short_log(shell: Callable[[str], FFmpegProcess]) -> None:
    """A log that is not long is left alone."""
    process = shell("echo first >&2")
    process.wait()
    process.trim_log()
    assert os.fstat(process._log).st_size == len(process.log_tail()) == 6


def test_quiet_on_the_terminal(shell: Callable[[str], FFmpegProcess]) -> None:
    """It has no standard input to ask from, a group of its own, and a log without colours."""
    process = shell("cat; ps=$(cut -d' ' -f5 /proc/$$/stat); echo $((ps - $$)) $AV_LOG_FORCE_NOCOLOR >&2")
    process.wait()
    assert process.log_tail() == "0 1\n"


def test_cannot_be_started(tmp_path: Path) -> None:
    """A program that cannot be started leaves no descriptor behind."""
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError):
        FFmpegProcess([str(tmp_path / "gone")])
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize(
    ("code", "death"), [(0, "exit 0"), (255, "exit 255"), (-9, "SIGKILL"), (-35, "signal 35")]
)
def test_death(code: int, death: str) -> None:
    """A death is an exit code, or a signal by its name, or by its number if it has none."""
    assert death_of(code) == death
