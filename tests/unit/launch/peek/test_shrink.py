from __future__ import annotations

import numpy as np
import pytest

from launch.peek.shrink import fitted, shrunk
from ruth.export.layout import FrameRecord
from ruth.export.nv12 import Nv12Views, nv12_views


def views_of(luma: np.ndarray, chroma: np.ndarray) -> Nv12Views:
    """Views of a frame with this luma (rows, columns) and chroma (half the rows, half the columns, 2)."""
    height, width = luma.shape
    content = luma.astype(np.uint8).tobytes() + chroma.astype(np.uint8).tobytes()
    return nv12_views(content, FrameRecord(2, 0, 0, 0, width, height, 0, width, len(content), 0, 0))


@pytest.mark.parametrize(
    ("picture", "room", "expected"),
    [
        ((1920, 1080), (80, 44), (78, 44)),
        ((1920, 1080), (80, 400), (80, 45)),
        ((1080, 1920), (80, 44), (25, 44)),
        ((64, 48), (640, 480), (64, 48)),
        ((2, 2), (80, 44), (2, 2)),
        ((7680, 2), (80, 44), (80, 1)),
        ((2, 7680), (80, 44), (1, 44)),
        ((1920, 1080), (1, 1), (1, 1)),
        ((1920, 1080), (0, -3), (1, 1)),
        ((1920, 1080), (7, 3), (5, 3)),
    ],
)
def test_the_size_that_fits(
    picture: tuple[int, int], room: tuple[int, int], expected: tuple[int, int]
) -> None:
    """A picture fills its room in one direction, keeps its shape, is never enlarged and never nothing."""
    assert fitted(*picture, *room) == expected


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (3, 2), (7, 5), (16, 8), (5, 8), (16, 1)])
def test_a_sample_is_a_mean(columns: int, rows: int) -> None:
    """Each sample is the mean of the pixels that fall into it, and every pixel falls into one."""
    luma = np.random.default_rng(columns).integers(0, 256, (8, 16))
    chroma = np.random.default_rng(rows).integers(0, 256, (4, 8, 2))
    y, uv = shrunk(views_of(luma, chroma), columns, rows)
    assert (y.shape, uv.shape) == ((rows, columns), (rows, columns, 2))
    assert (y.dtype, uv.dtype) == (np.float32, np.float32)
    tops, lefts = (
        [row * 8 // rows for row in range(rows + 1)],
        [c * 16 // columns for c in range(columns + 1)],
    )
    expected = [
        [luma[tops[row] : tops[row + 1], lefts[c] : lefts[c + 1]].mean() for c in range(columns)]
        for row in range(rows)
    ]
    assert np.allclose(y, expected, atol=1e-4)


def test_chroma_lies_under_its_luma() -> None:
    """Chroma that has fewer samples than are asked for is repeated, each under the pixels it belongs to."""
    chroma = np.arange(32).reshape(4, 4, 2)
    _, uv = shrunk(views_of(np.zeros((8, 8)), chroma), 8, 8)
    assert np.array_equal(uv, chroma.repeat(2, axis=0).repeat(2, axis=1))


def test_sums_do_not_overflow() -> None:
    """One sample of a very large white frame is white."""
    y, uv = shrunk(views_of(np.full((4096, 8192), 255), np.full((2048, 4096, 2), 255)), 1, 1)
    assert (y.item(), *uv.ravel()) == (255, 255, 255)
