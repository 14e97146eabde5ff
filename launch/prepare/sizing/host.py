"""What a configuration takes of a host: memory, processes and the processor; and how many hosts it takes.

Sizes of files follow from their layout. What an agent takes beside them was measured (tests/benchmarks), and
is rounded up here: a plan that promises too much is worse than none. Decoding, recording and models are not
in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ruth.agent.state import HEADER_SIZE, MODEL_SIZE
from ruth.export.layout import META_SIZE_V2, PAGE_SIZE, SLOT_COUNT_DEFAULT, nv12_size

if TYPE_CHECKING:
    from launch.prepare.config.plan import HostPlan

# 0.05 MB as long as an agent needs no Python, then 1.3 to 2.1 MB, with Python 3.11 to 3.13.
AGENT_PRIVATE_BYTES: Final = 2_300_000
# 20 to 60 us in C. In Python 65 to 150, which `ruth doctor` warns of.
AGENT_CPU_S_PER_FRAME: Final = 0.0001
# A Python that waits. Its agents share nearly all of it, so that it counts once.
LAUNCHER_PRIVATE_BYTES: Final = 17_000_000

# What Ruth may have of a host: a tmpfs is half of the memory unless mounted otherwise (tmpfs(5)), and
# decoders have more to do than agents.
SHARE: Final = 0.5


class Need(NamedTuple):
    """What some cameras need.

    Attributes:
        cameras: How many.
        processes: Of Ruth, the launcher among them.
        fps: Frames a second that agents decide on.
        export_bytes: Shared memory of exports, version 2.
        state_bytes: Shared memory of agents' states.
        private_bytes: Memory that processes share with no other.
        cores: Of the processor; 1.0 is one core.

    """

    cameras: int
    processes: int
    fps: float
    export_bytes: int
    state_bytes: int
    private_bytes: int
    cores: float

    @property
    def shared_bytes(self) -> int:
        """Below /dev/shm."""
        return self.export_bytes + self.state_bytes


class HostSize(NamedTuple):
    """What a host has: cores, memory in bytes, and in which steps files in its shared memory take that."""

    cores: int
    memory_bytes: int
    page_bytes: int = PAGE_SIZE


class Capacity(NamedTuple):
    """How many cameras fit on a host, by each of its limits."""

    by_cores: int
    by_memory: int

    @property
    def cameras(self) -> int:
        """As many as all limits allow."""
        return min(self)

    @property
    def limit(self) -> str:
        """What runs out first: cores or memory."""
        return "cores" if self.by_cores <= self.by_memory else "memory"


def need_of(
    plan: HostPlan,
    source_fps: float,
    width: int,
    height: int,
    slots: int = SLOT_COUNT_DEFAULT,
    page_bytes: int = PAGE_SIZE,
) -> Need:
    """What the cameras of ``plan`` need, each of so many frames per second, pixels and slots of a ring."""
    cameras = len(plan.cameras)
    fps = cameras * source_fps
    return Need(
        cameras,
        cameras + 1,
        fps,
        cameras * export_bytes(width, height, slots, page_bytes),
        sum(state_bytes(len(camera.models), page_bytes) for camera in plan.cameras),
        cameras * AGENT_PRIVATE_BYTES + LAUNCHER_PRIVATE_BYTES,
        fps * AGENT_CPU_S_PER_FRAME,
    )


def capacity_of(host: HostSize, need: Need) -> Capacity:
    """How many cameras fit on ``host`` that are on average as those of ``need`` (one at least)."""
    memory = host.memory_bytes * SHARE - LAUNCHER_PRIVATE_BYTES
    each = (need.shared_bytes + need.private_bytes - LAUNCHER_PRIVATE_BYTES) / need.cameras
    return Capacity(
        int(host.cores * SHARE / (need.cores / need.cameras)),
        max(0, int(memory / each)),
    )


def export_bytes(
    width: int, height: int, slots: int = SLOT_COUNT_DEFAULT, page_bytes: int = PAGE_SIZE
) -> int:
    """Shared memory of one camera's export: its ring of slots, and its header."""
    ring = slots * _pages(nv12_size(width, height))
    return _pages(ring, page_bytes) + _pages(META_SIZE_V2, page_bytes)


def state_bytes(models: int, page_bytes: int = PAGE_SIZE) -> int:
    """Shared memory of one agent's state."""
    return _pages(HEADER_SIZE + MODEL_SIZE * models, page_bytes)


def _pages(size: int, page_bytes: int = PAGE_SIZE) -> int:
    return -(-size // page_bytes) * page_bytes
