"""The stand-in VAS (``ruth vas``): one FFmpeg a camera, and the way of its frames into the export.

    FFmpeg --pipe--> slot of frame.data --commit--> frame.meta, wake

One process, one thread, no queue. A camera's pipe is always drained, into the slot that its exporter gives or
into a spare buffer. FFmpeg decodes and records on its own: with the flag off there is no pipe, and with it on
a stand-in that is slow, stopped or wrong costs exported frames and nothing else (docs/specification.md,
"Nothing that can block, delay or back-pressure decoding").

A camera whose FFmpeg ends is over, with one line on stderr if it failed; nothing restarts it. SIGTERM,
SIGINT and SIGHUP end them all: recordings finished, export files removed.
"""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import signal
import time
from typing import TYPE_CHECKING

from launch.vas.camera import VasCamera, Work
from launch.vas.recording import prepare_folder
from launch.vas.summary import VasSummary
from ruth.descriptor import close_descriptor
from ruth.export.layout import VERSION_2
from ruth.text import ESCAPED, printable
from ruth.vas.flag import export_enabled
from ruth.vas.message import write_nonblocking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TextIO

    from launch.vas.camera import OpenExporter
    from launch.vas.ffmpeg import FFmpeg
    from launch.vas.source import CameraSource

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_vas(
    sources: Sequence[CameraSource],
    *,
    ffmpeg: FFmpeg,
    recordings: str | None,
    once: bool,
    seconds: float | None,
    environ: Mapping[str, str],
    err: TextIO | None,
    export_version: int = VERSION_2,
    slots: int | None = None,
    open_exporter: OpenExporter | None = None,
) -> VasSummary:
    """Runs the cameras until all have ended, the time is up, or a signal asks to end.

    To be called in the main thread of a process that has no other thread.

    Args:
        sources: The cameras, each id once.
        ffmpeg: Which FFmpeg.
        recordings: A folder for recordings (:mod:`launch.vas.recording`), made if missing. None: recordings
            are made and not kept.
        once: Files and test clips end where they end; otherwise they begin again.
        seconds: How long to run at most; None for no limit.
        environ: Where the flag and the export root are looked up.
        err: Gets one line when the first frame of a camera comes, and one when a camera fails;
            never waited for, lost where there is no reader.
        export_version: 2, or 1 to export as the frozen VAS does.
        slots: Frames that the ring of a camera's export holds, 2 to 62; 4 if not given. Version 2 only.
        open_exporter: Makes a camera's exporter; by ``export_version`` if not given.
            Not used, and not even imported, with the flag off.

    Raises:
        SourceError: The folder for recordings cannot be had, or a source is one of those in it.

    """

    def say(text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # no reader: no reason to end cameras
            write_nonblocking(err, f"ruth: {printable(text, None, keep=ESCAPED)}\n")

    if recordings is not None:
        recordings = prepare_folder(recordings, sources)
    with contextlib.ExitStack() as stack:
        if not export_enabled(environ):
            open_exporter = None
        elif open_exporter is None:
            from launch.vas.exporters import exporters  # maps memory: only with the flag on

            open_exporter = exporters(environ, export_version, slots, say)
        selector = stack.enter_context(selectors.DefaultSelector())
        stop_asked = stack.enter_context(_stop_signals(selector))
        work = Work(ffmpeg, recordings, once, open_exporter, say, selector)
        cameras = [VasCamera(work, source, number) for number, source in enumerate(sources)]
        for camera in cameras:
            stack.callback(camera.close)
            camera.start()
        stopped = _attend(cameras, work, stop_asked, seconds)
        return VasSummary(tuple(camera.summary() for camera in cameras), stopped)


def _attend(
    cameras: Sequence[VasCamera],
    work: Work,
    stop_asked: Callable[[], bool],
    seconds: float | None,
) -> bool:
    """Serves the cameras until all have ended. True if they were asked to."""
    now = time.monotonic()
    stop_at = float("inf") if seconds is None else now + seconds
    stopped = False
    while alive := [camera for camera in cameras if not camera.ended]:
        if now >= stop_at or (stop_asked() and not stopped):
            stopped, stop_at = True, float("inf")
            for camera in alive:
                camera.attempt(camera.stop)
        for camera in alive:
            if now >= camera.tick_at:
                camera.attempt(functools.partial(camera.tick, now))
        if work.stages:
            work.stages.popleft()()
        next_at = now if work.stages else min(stop_at, *(camera.tick_at for camera in alive))
        for key, _ in work.selector.select(max(0.0, next_at - now)):
            key.data()
        now = time.monotonic()
    return stopped


@contextlib.contextmanager
def _stop_signals(selector: selectors.BaseSelector) -> Iterator[Callable[[], bool]]:
    """Signals as bytes in a pipe, so that one wait serves frames and signals.

    Yields whether one has come. SIGHUP stays ignored where it was, as ``nohup`` requires.
    """
    seen: set[int] = set()
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    caught = [
        number
        for number in STOP_SIGNALS
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
    ]
    handlers = {number: signal.signal(number, lambda *_: None) for number in caught}
    wakeup = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    selector.register(read_end, selectors.EVENT_READ, lambda: seen.update(os.read(read_end, 64)))
    try:
        yield lambda: not seen.isdisjoint(caught)
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        close_descriptor(read_end)
        close_descriptor(write_end)
