"""Whether another process has our CLOCK_MONOTONIC, so that its times can be compared (time_namespaces(7))."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def same_clock(pid: int) -> bool:
    """Whether the process has our clock. Where the kernel will not say: whether ours is the host's."""
    try:
        return os.readlink(f"/proc/{pid}/ns/time") == _own_namespace()
    except OSError:
        return own_clock_is_the_hosts()


@cache
def own_clock_is_the_hosts() -> bool:
    """Whether our own time namespace moves CLOCK_MONOTONIC by nothing. True on a kernel without them."""
    try:
        lines = Path("/proc/self/timens_offsets").read_bytes().splitlines()
    except OSError:
        return True
    offsets = {fields[0]: fields[1:] for fields in map(bytes.split, lines) if fields}
    return set(offsets.get(b"monotonic", ())) <= {b"0"}


@cache
def _own_namespace() -> str:
    return os.readlink("/proc/self/ns/time")
