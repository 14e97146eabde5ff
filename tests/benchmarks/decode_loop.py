"""A decoder's loop, with nothing of Ruth in it and with the flag off: what :mod:`benchmarks.off` measures.

    python -m benchmarks.decode_loop bare|off FRAMES
    python -m benchmarks.decode_loop brings

The former runs one of them over frames of one byte, so that a program which counts instructions counts the
loop. The latter says what the flag's being off brings into a process that had nothing of Ruth before.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruth.vas.exporter import Exporter


def bare(source: int, buffer: memoryview, frames: int) -> None:
    """Decodes: here, reads ``frames`` frames from the descriptor ``source``."""
    for _ in range(frames):
        os.readv(source, [buffer])


def tapped(source: int, buffer: memoryview, frames: int, exporter: Exporter) -> None:
    """The same with the tap that every decoder of README.md has."""
    for _ in range(frames):
        os.readv(source, [buffer])
        if exporter.enabled:
            exporter.publish(buffer, 0)


def run(variant: str, frames: int) -> None:
    """Runs one loop."""
    source, buffer = _source()
    if variant == "bare":
        bare(source, buffer, frames)
    else:
        tapped(source, buffer, frames, _exporter())


def brings() -> None:
    """Writes three lines: modules that were loaded, bytes allocated, and whether the export root is there.

    The bytes are those that many frames allocate at most beyond what one does, and beyond the bare loop.
    """
    before = set(sys.modules)
    exporter = _exporter()
    loaded = sorted(set(sys.modules) - before)
    source, buffer = _source()
    without = _allocated(lambda frames: bare(source, buffer, frames))
    with_tap = _allocated(lambda frames: tapped(source, buffer, frames, exporter))
    from ruth.identity import EXPORT_ROOT_VARIABLE

    there = os.path.exists(os.environ[EXPORT_ROOT_VARIABLE])
    sys.stdout.write(f"{' '.join(loaded)}\n{with_tap - without}\n{there:d}\n")


def _exporter() -> Exporter:
    from ruth.vas.exporter import open_exporter

    return open_exporter("front-door", 1920, 1080, environ={})


def _source() -> tuple[int, memoryview]:
    return os.open("/dev/zero", os.O_RDONLY), memoryview(bytearray(1))


def _allocated(loop: Callable[[int], None]) -> int:
    import tracemalloc

    loop(10)
    tracemalloc.start()
    loop(1)
    one = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    loop(10_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - one


if __name__ == "__main__":
    if sys.argv[1] == "brings":
        brings()
    else:
        run(sys.argv[1], int(sys.argv[2]))
