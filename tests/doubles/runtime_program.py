"""A model runtime of a test: a process of its own, that attaches as any model author's would.

    python tests/doubles/runtime_program.py CAMERA MODEL KEEPS

For each frame it gets it writes a line: the id, the timestamp, nanoseconds from the timestamp to having the
array, whether the frame was intact after use, SHA-256 of its pixels, and the stream's counters. With KEEPS
"all" it never releases a frame that it got, with "none" of none but the last.
"""

from __future__ import annotations

import hashlib
import sys
import time
from typing import NamedTuple

import ruth


class Got(NamedTuple):
    """One line of the above."""

    frame_id: int
    timestamp_ns: int
    latency_ns: int
    intact: bool
    digest: str
    received: int
    lost: int
    dropped: int


def parse(line: str) -> Got:
    """One line, as another process reads it."""
    frame_id, timestamp_ns, latency_ns, intact, digest, *counters = line.split()
    received, lost, dropped = map(int, counters)
    return Got(
        int(frame_id), int(timestamp_ns), int(latency_ns), intact == "True", digest, received, lost, dropped
    )


def run(camera_id: str, model_id: str, keeps: str) -> None:
    """Takes frames until the process is ended."""
    kept = []
    with ruth.attach(camera_id, model_id) as stream:
        sys.stdout.write("attached\n")
        sys.stdout.flush()
        for frame in stream:
            pixels = frame.nv12
            now_ns = time.monotonic_ns()
            digest = hashlib.sha256(pixels).hexdigest()
            if keeps == "all":
                kept.append((frame, pixels, frame.y, frame.uv))
            got = Got(
                frame.frame_id,
                frame.timestamp_ns,
                now_ns - frame.timestamp_ns,
                frame.intact,
                digest,
                stream.received,
                stream.lost,
                stream.dropped,
            )
            sys.stdout.write(" ".join(map(str, got)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    run(*sys.argv[1:])
