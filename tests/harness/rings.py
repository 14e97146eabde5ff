"""Rings in tests: the size of a small one, whose rows are longer than its picture, and frames for any."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruth.vas.ring import FrameRing

WIDTH, HEIGHT, STRIDE, SLOTS = 16, 8, 32, 3
FRAME_SIZE = STRIDE * HEIGHT * 3 // 2
SLOT_SIZE = 4096


def kill(ring: FrameRing) -> None:
    """As the kernel does to a writer that is killed: its lock is free from then on, and its files stay."""
    ring._directory.close()


def publish(ring: FrameRing, *timestamps: int) -> None:
    """Publishes frames filled with the low byte of their ids."""
    for timestamp in timestamps:
        ring.begin_frame()[:] = bytes([ring.frame_id % 256]) * ring.frame_size
        ring.commit(timestamp)
