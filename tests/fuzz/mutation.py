"""Mutated headers by the hundred thousand: numpy changes a block of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ruth.export.layout import (
    DATA_INODE_OFFSET,
    DATA_OFFSET_OFFSET,
    DATA_SIZE_OFFSET,
    EPOCH_OFFSET,
    FLAGS_OFFSET,
    FRAME_ID_OFFSET,
    HEIGHT_OFFSET,
    PICTURE_OFFSET,
    PIXEL_FORMAT_OFFSET,
    RECORD_SIZE,
    SEQUENCE_OFFSET,
    SLOT_COUNT_OFFSET,
    SLOT_SIZE_OFFSET,
    STRIDE_OFFSET,
    TIMESTAMP_OFFSET,
    VERSION_OFFSET,
    WAKE_OFFSET,
    WIDTH_OFFSET,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

BLOCK: Final = 10_000

RECORD_FIELDS: Final = (
    (VERSION_OFFSET, 4),
    (PICTURE_OFFSET, 4),
    (FRAME_ID_OFFSET, 8),
    (TIMESTAMP_OFFSET, 8),
    (WIDTH_OFFSET, 4),
    (HEIGHT_OFFSET, 4),
    (PIXEL_FORMAT_OFFSET, 4),
    (STRIDE_OFFSET, 4),
    (DATA_SIZE_OFFSET, 8),
    (DATA_OFFSET_OFFSET, 8),
    (SEQUENCE_OFFSET, 8),
)
RING_FIELDS: Final = (
    (WAKE_OFFSET, 4),
    (SLOT_COUNT_OFFSET, 4),
    (SLOT_SIZE_OFFSET, 8),
    (DATA_INODE_OFFSET, 8),
    (EPOCH_OFFSET, 8),
    (FLAGS_OFFSET, 4),
)
_SMALL: Final = [*range(20), 31, 32, 33, 61, 62, 63, 64, 127, 128, 191, 192, 193, 255, 256]
_LARGE: Final = [power + step for power in (2**12, 2**14, 2**15, 2**16, 2**31, 2**32) for step in (-2, -1, 0)]
_HUGE: Final = [power + step for power in (2**32, 2**53, 2**62, 2**63) for step in (-1, 0, 1, 4096)]
VALUES: Final = np.array([*_SMALL, *_LARGE, *_HUGE, 2**64 - 4096, 2**64 - 2, 2**64 - 1], np.uint64)


def mutated(whole: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Headers that are ``whole`` but for one to four changes each.

    A field becomes a boundary value, a random one, a little more or less, or another field's; a byte becomes
    any other; geometry changes in all its fields at once, so that it agrees with itself.

    Args:
        whole: A valid header: a record of 64 bytes, or one with its ring of 128.
        count: How many.
        seed: The same seed gives the same headers.

    """
    generator = np.random.default_rng(seed)
    for first in range(0, count, BLOCK):
        block = _block(whole, generator).tobytes()
        for row in range(min(BLOCK, count - first)):
            yield block[row * len(whole) : (row + 1) * len(whole)]


def _block(whole: bytes, generator: Generator) -> NDArray[np.uint8]:
    block = np.tile(np.frombuffer(whole, np.uint8), (BLOCK, 1))
    fields = RECORD_FIELDS if len(whole) == RECORD_SIZE else RECORD_FIELDS + RING_FIELDS
    changes = generator.integers(1, 5, BLOCK)
    for change in range(4):
        kind = np.where(change < changes, generator.integers(0, 6, BLOCK), -1)
        _change_fields(block, fields, kind, generator)
        rows = np.flatnonzero(kind == 4)
        block[rows, generator.integers(0, len(whole), len(rows))] = generator.integers(0, 256, len(rows))
        _change_geometry(block, np.flatnonzero(kind == 5), generator)
    return block


def _change_fields(
    block: NDArray[np.uint8],
    fields: tuple[tuple[int, int], ...],
    kind: NDArray[np.int64],
    generator: Generator,
) -> None:
    """Kinds 0 to 3: a boundary value, a random one, a little more or less, another field's."""
    chosen = generator.integers(0, len(fields), BLOCK)
    numbers = block.view("<u8")
    for index, (offset, size) in enumerate(fields):
        rows = np.flatnonzero((chosen == index) & (kind >= 0) & (kind < 4))
        target = block[:, offset : offset + size]
        old = target[rows].view(f"<u{size}")[:, 0].astype(np.uint64)
        other = numbers[rows, generator.integers(0, numbers.shape[1], len(rows))]
        nearby = old + generator.integers(-3, 4, len(rows)).astype(np.uint64)
        new = np.select(
            [kind[rows] == 0, kind[rows] == 1, kind[rows] == 2],
            [
                generator.choice(VALUES, len(rows)),
                generator.integers(0, 2**64, len(rows), np.uint64),
                nearby,
            ],
            other,
        )
        target[rows] = new.astype(f"<u{size}")[:, None].view(np.uint8)


def _change_geometry(block: NDArray[np.uint8], rows: NDArray[np.int64], generator: Generator) -> None:
    """Kind 5: width, height, stride and data_size that agree with each other, of any magnitude."""
    largest = generator.choice(np.array([8, 32, 64, 4096, 2**31], np.uint64), len(rows))
    width, height = ((generator.integers(1, largest) * 2).astype(np.uint32) for _ in range(2))
    stride = np.maximum(width, generator.choice(np.array([0, 16, 64, 4096, 2**32 - 1], np.uint32), len(rows)))
    data_size = stride.astype(np.uint64) * (height // 2).astype(np.uint64) * np.uint64(3)
    for offset, numbers in (
        (WIDTH_OFFSET, width),
        (HEIGHT_OFFSET, height),
        (STRIDE_OFFSET, stride),
        (DATA_SIZE_OFFSET, data_size),
    ):
        size = numbers.dtype.itemsize
        block[rows, offset : offset + size] = numbers[:, None].view(np.uint8)
