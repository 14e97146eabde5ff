"""Agents in benchmarks: launched by ``ruth up``, as users launch them, and read from outside."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import time
from array import array
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.stage import NoRoomError
from ruth.agent import state
from ruth.futex import address_of
from ruth.identity import STATE_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.stage import Stage

MODELS: dict[str, float | None] = {"person": 5, "plate": 2.5, "count": 12.5, "audit": None}
"""Caps by model: four, of which the last wants every frame."""

_FRAME_ID = state.FRAME_ID_OFFSET // 8
_TIMESTAMP = state.TIMESTAMP_OFFSET // 8
OBSERVED_WORD = state.OBSERVED_OFFSET // 8
_SEQUENCE = state.SEQUENCE_OFFSET // 8
_FRAMES = state.FRAMES_OFFSET // 8
_MISSED = state.MISSED_OFFSET // 8


class Launched(NamedTuple):
    """A launch whose agents are all there.

    Attributes:
        launcher: The ``ruth up`` that waits in the foreground.
        pids: Of the agents, in the order of the cameras.
        seconds: From starting ``ruth up`` until the last agent had its record ready.

    """

    launcher: subprocess.Popen[bytes]
    pids: tuple[int, ...]
    seconds: float

    def end(self) -> None:
        """SIGTERM to the launcher, which passes it on; waits until it and its agents are gone."""
        self.launcher.terminate()
        self.launcher.wait()
        if self.launcher.stdout is not None:
            self.launcher.stdout.close()
        for pid in self.pids:  # orphans now, and so this process's children (benchmarks.stage)
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGCONT)  # who is stopped has not heard SIGTERM yet
                os.waitpid(pid, 0)


def camera_name(number: int) -> str:
    """The id of camera ``number``, from 0."""
    return f"camera-{number:05d}"


def configuration(cameras: Sequence[str]) -> str:
    """A ruth.toml in which every camera has :data:`MODELS`."""
    models = "".join(
        f"{model} = {{}}\n" if cap is None else f"{model} = {{ max_fps = {cap} }}\n"
        for model, cap in MODELS.items()
    )
    return "".join(f'[cameras."{camera}".models]\n{models}' for camera in cameras)


def launch(
    stage: Stage, export_root: Path, state_root: Path, cameras: Sequence[str], method: str | None = None
) -> Launched:
    """Launches agents of these cameras.

    Args:
        stage: Where.
        export_root: Folder of the exports.
        state_root: Folder of the agents' states.
        cameras: Ids.
        method: Start method of multiprocessing (:mod:`benchmarks.instead`), instead of ``ruth up``.

    Raises:
        NoRoomError: It launched fewer.
        BenchmarkError: One does not get ready.

    """
    command: list[str | Path]
    if method is None:
        config = state_root.with_suffix(".toml")
        config.write_text(configuration(cameras), encoding="utf-8")
        command = ["launch.cli.main", "up", config]
    else:
        command = ["benchmarks.instead", method, export_root, state_root, *cameras]
    begun = time.monotonic()
    environ = stage.environ(export_root, state_root)
    launcher = stage.python("-m", *command, env=environ, stdout=subprocess.PIPE)
    pids = []
    for camera, line in zip(cameras, launcher.stdout or (), strict=False):
        found, _, pid = line.decode().partition(": agent ")
        if found != camera:
            break
        pids.append(int(pid))
    if len(pids) < len(cameras):
        raise NoRoomError(f"{len(pids)} of {len(cameras)} agents were launched")
    for camera in cameras:
        stage.wait_until(partial(is_ready, state_root, camera), f"the agent of {camera} is ready")
    return Launched(launcher, tuple(pids), time.monotonic() - begun)


def is_ready(state_root: Path, camera: str) -> bool:
    """Whether the camera's agent, or a peer's reader, has made its record."""
    try:
        with (state_root / camera / STATE_NAME).open("rb") as file:
            return int.from_bytes(file.read(4), "little") == state.STATE_VERSION
    except FileNotFoundError:
        return False


class Watch:
    """One agent's state record, mapped read-only: what it decided last, and how long that took.

    Args:
        state_root: Where its ``agent.state`` is.
        camera: Its camera.

    Raises:
        OSError: There is none.

    Attributes:
        address: Of the record in this process, as long as the watch is kept.

    """

    __slots__ = ("_words", "address")

    def __init__(self, state_root: Path, camera: str) -> None:
        descriptor = os.open(state_root / camera / STATE_NAME, os.O_RDONLY | os.O_CLOEXEC)
        try:
            memory = mmap.mmap(descriptor, state.HEADER_SIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(descriptor)
        self._words = memoryview(memory).cast("Q")
        self.address = address_of(memory, 0)

    @property
    def frames(self) -> int:
        """Frames observed so far."""
        return self._words[_FRAMES]

    @property
    def missed(self) -> int:
        """Frames that the export had and the agent never saw, as it counts them itself."""
        return self._words[_MISSED]

    def latest(self) -> tuple[int, int]:
        """The newest frame observed, and nanoseconds from its timestamp until it was decided on.

        (-1, 0) before the first one, and at the moment in which the record is being changed.
        """
        frame_id, observed_ns, timestamp_ns = self.newest()
        return frame_id, observed_ns - timestamp_ns

    def newest(self) -> tuple[int, int, int]:
        """The newest frame observed, CLOCK_MONOTONIC at that moment, and its timestamp.

        (-1, 0, 0) before the first one, and at the moment in which the record is being changed.
        """
        words = self._words
        sequence = words[_SEQUENCE]
        found = (words[_FRAME_ID], words[OBSERVED_WORD], words[_TIMESTAMP])
        if sequence & 1 or words[_SEQUENCE] != sequence or not words[_FRAMES]:
            return -1, 0, 0
        return found


class Latencies:
    """Latencies of one agent's decisions, gathered a look at a time; each frame counts once."""

    __slots__ = ("_last", "_watch", "nanoseconds")

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._last = watch.latest()[0]
        self.nanoseconds = array("q")

    def poll(self) -> None:
        """Notes the newest decision if it was not noted before."""
        frame_id, latency_ns = self._watch.latest()
        if frame_id > self._last:
            self._last = frame_id
            self.nanoseconds.append(latency_ns)
