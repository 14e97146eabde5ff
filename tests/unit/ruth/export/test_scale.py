from __future__ import annotations

import itertools

import numpy as np
import pytest

from ruth.export.scale import BAND_ROWS, Placement, fitted, letterboxed, scaled_bands


def scaled(plane: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """All bands in one."""
    return np.concatenate([band.copy() for band in scaled_bands(plane, columns, rows)])


@pytest.mark.parametrize(
    ("picture", "room", "expected"),
    [
        ((1920, 1080), (80, 44), (78, 44)),
        ((1920, 1080), (80, 400), (80, 45)),
        ((1080, 1920), (80, 44), (25, 44)),
        ((64, 48), (640, 400), (533, 400)),
        ((7680, 2), (80, 44), (80, 1)),
        ((2, 7680), (80, 44), (1, 44)),
        ((1920, 1080), (1, 1), (1, 1)),
        ((1920, 1080), (7, 3), (5, 3)),
    ],
)
def test_the_size_that_fits(
    picture: tuple[int, int], room: tuple[int, int], expected: tuple[int, int]
) -> None:
    """A picture fills its room in one direction, keeps its shape, and is never nothing."""
    assert fitted(*picture, *room) == expected


@pytest.mark.parametrize(
    ("picture", "room", "expected"),
    [
        ((1920, 1080), (640, 640), Placement(0, 140, 640, 360)),
        ((1920, 1080), (640, 384), Placement(0, 12, 640, 360)),
        ((1080, 1920), (640, 640), Placement(140, 0, 360, 640)),
        ((64, 48), (64, 48), Placement(0, 0, 64, 48)),
        ((64, 48), (65, 49), Placement(0, 0, 65, 49)),
        ((1920, 1080), (641, 641), Placement(0, 140, 641, 361)),
    ],
)
def test_a_letterboxed_picture_is_in_the_middle(
    picture: tuple[int, int], room: tuple[int, int], expected: Placement
) -> None:
    """What is left over is on both sides, one more behind than before where it is odd."""
    assert letterboxed(*picture, *room) == expected


def coverage(length: int, size: int) -> np.ndarray:
    """How much each of ``length`` samples counts for each of ``size`` larger ones, by the area; 1 in all."""
    edges = np.arange(size + 1) * length / size
    rows = [
        np.clip(np.minimum(end, at + 1) - np.maximum(begin, at), 0, None)
        for begin, end in itertools.pairwise(edges)
        for at in [np.arange(length)]
    ]
    return np.array(rows) * size / length


SMALLER = [(1, 1), (3, 2), (7, 5), (16, 8), (5, 8), (16, 1), (8, 4), (15, 7), (11, 3)]


@pytest.mark.parametrize(("columns", "rows"), SMALLER)
@pytest.mark.parametrize("channels", [0, 2])
def test_a_smaller_sample_is_the_mean_of_its_area(columns: int, rows: int, channels: int) -> None:
    """Each sample is the mean of what it covers, by area, so that every pixel counts alike."""
    shape = (8, 16, channels) if channels else (8, 16)
    plane = np.random.default_rng(columns).integers(0, 256, shape, np.uint8)
    found = scaled(plane, columns, rows)
    assert (found.shape, found.dtype) == ((rows, columns, *shape[2:]), np.float32)
    expected = np.einsum("ry,cx,yx...->rc...", coverage(8, rows), coverage(16, columns), plane.astype(float))
    assert np.allclose(found, expected, atol=1e-3)
    assert abs(found.mean() - plane.mean()) < 1e-3


@pytest.mark.parametrize(("columns", "rows"), [(32, 16), (17, 9), (40, 8), (16, 100)])
def test_a_larger_sample_lies_between_two(columns: int, rows: int) -> None:
    """Samples in between are in proportion to the distance, and beyond the outermost they stay as it is."""
    plane = np.add.outer(20 * np.arange(8), 5 * np.arange(16)).astype(np.uint8)
    found = scaled(plane, columns, rows)
    y = np.clip((np.arange(rows) + 0.5) * 8 / rows - 0.5, 0, 7)
    x = np.clip((np.arange(columns) + 0.5) * 16 / columns - 0.5, 0, 15)
    assert np.allclose(found, np.add.outer(20 * y, 5 * x), atol=1e-3)


def test_the_same_size_is_the_same() -> None:
    """As many samples as there are stay what they are."""
    plane = np.random.default_rng(1).integers(0, 256, (6, 10, 2), np.uint8)
    assert np.array_equal(scaled(plane, 10, 6), plane)


def test_what_lies_behind_a_row_does_not_count() -> None:
    """Of rows that are longer in memory only the picture is taken, in both planes."""
    padded = np.random.default_rng(2).integers(0, 256, (9, 64), np.uint8)
    for view in (padded[:, :34], padded[:, :34].reshape(9, 17, 2)):
        assert np.array_equal(scaled(view, 5, 4), scaled(view.copy(), 5, 4))


def test_sums_do_not_overflow() -> None:
    """One sample of a very large white plane is white."""
    assert scaled(np.full((4096, 8192), 255, np.uint8), 1, 1).item() == pytest.approx(255, abs=0.01)


@pytest.mark.parametrize("rows", [1, BAND_ROWS, BAND_ROWS + 1, 3 * BAND_ROWS - 1])
@pytest.mark.parametrize("height", [80, 6 * BAND_ROWS])
def test_bands_are_the_whole_plane(height: int, rows: int) -> None:
    """However many rows there are, the bands are all of them, in order."""
    plane = np.repeat(np.linspace(0, 255, height).astype(np.uint8)[:, None], 4, axis=1)
    found = scaled(plane, 3, rows)
    assert found.shape == (rows, 3)
    assert (np.diff(found[:, 0]) >= 0).all()
    assert abs(found.mean() - plane.mean()) < 2
