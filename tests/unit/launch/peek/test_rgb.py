from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from footage import call, ffmpeg_here
from launch.peek.rgb import BT601, BT709, Matrix, matrix_for, rgb_bands, to_rgb
from ruth.export.layout import FrameRecord
from ruth.export.nv12 import nv12_views

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ruth.export.nv12 import Nv12Views

# FFmpeg at its most exact, and each chroma sample for the four pixels it was made from, as here.
EXACT = "flags=neighbor+accurate_rnd+full_chroma_int+full_chroma_inp"
NAMES = {BT601: "bt601", BT709: "bt709"}
both_matrices = pytest.mark.parametrize("matrix", [BT601, BT709], ids=lambda matrix: matrix.name)


def views_of(nv12: bytes, width: int, height: int, stride: int = 0) -> Nv12Views:
    """Views of one frame that is all there is."""
    stride = stride or width
    return nv12_views(nv12, FrameRecord(2, 0, 0, 0, width, height, 0, stride, stride * height * 3 // 2, 0, 0))


def whole(views: Nv12Views, matrix: Matrix) -> NDArray[np.uint8]:
    """All bands in one."""
    return np.concatenate(list(rgb_bands(views, matrix)))


def by_ffmpeg(folder: Path, nv12: bytes, width: int, height: int, matrix: Matrix) -> NDArray[np.uint8]:
    """What FFmpeg makes of a frame of limited range, told which matrix it is of."""
    raw = folder / "frame.nv12"
    raw.write_bytes(nv12)
    source = ["-f", "rawvideo", "-pix_fmt", "nv12", "-s", f"{width}x{height}", "-i", raw]
    scale = f"scale=in_color_matrix={NAMES[matrix]}:in_range=tv:out_range=pc:{EXACT}"
    rgb = call(ffmpeg_here(), *source, "-vf", scale, "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    return np.frombuffer(rgb, np.uint8).reshape(height, width, 3)


def picture_of(source: str, width: int, height: int, matrix: Matrix) -> bytes:
    """One NV12 frame of a picture that FFmpeg generates as RGB and converts."""
    scale = f"format=gbrp,scale=out_color_matrix={NAMES[matrix]}:out_range=tv:{EXACT}"
    generate = f"{source}{':' if '=' in source else '='}size={width}x{height}"
    picture = ["-f", "lavfi", "-i", generate, "-vf", scale, "-frames:v", "1"]
    return call(ffmpeg_here(), *picture, "-pix_fmt", "nv12", "-f", "rawvideo", "-")


def noise(width: int, height: int) -> bytes:
    """Luma and chroma at random within what limited range allows; many of the colours do not exist."""
    random = np.random.default_rng(width)
    luma = random.integers(16, 236, width * height, np.uint8)
    return luma.tobytes() + random.integers(16, 241, width * height // 2, np.uint8).tobytes()


def assert_alike(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> None:
    """Mean error below a hundredth of a level, and no channel of any pixel off by more than one."""
    assert ours.shape == theirs.shape
    error = np.abs(ours.astype(int) - theirs.astype(int))
    assert error.max() <= 1
    assert error.mean() < 0.01


@both_matrices
@pytest.mark.parametrize("source", ["testsrc2", "rgbtestsrc", "smptehdbars", "mandelbrot"])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (322, 182), (1280, 720)])
def test_colours_are_ffmpegs(tmp_path: Path, matrix: Matrix, source: str, width: int, height: int) -> None:
    """Every pixel has the colour that FFmpeg's most exact conversion gives it, within one level."""
    nv12 = picture_of(source, width, height, matrix)
    assert_alike(
        whole(views_of(nv12, width, height), matrix), by_ffmpeg(tmp_path, nv12, width, height, matrix)
    )


@both_matrices
def test_colours_that_do_not_exist(tmp_path: Path, matrix: Matrix) -> None:
    """Luma and chroma that belong to no colour are cut to the nearest there is, as FFmpeg does."""
    nv12 = noise(320, 180)
    assert_alike(whole(views_of(nv12, 320, 180), matrix), by_ffmpeg(tmp_path, nv12, 320, 180, matrix))


def test_the_matrices_differ(tmp_path: Path) -> None:
    """The comparison above would notice the wrong matrix."""
    nv12 = picture_of("smptehdbars", 320, 180, BT709)
    with pytest.raises(AssertionError):
        assert_alike(whole(views_of(nv12, 320, 180), BT601), by_ffmpeg(tmp_path, nv12, 320, 180, BT709))


@both_matrices
def test_there_and_back(matrix: Matrix) -> None:
    """Flat red, green, blue, white, grey and black come out of NV12 as they went in, within two levels."""
    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (128, 128, 128), (0, 0, 0))
    for red, green, blue in colours:
        nv12 = picture_of(f"color=c=0x{red:02x}{green:02x}{blue:02x}", 16, 16, matrix)
        found = whole(views_of(nv12, 16, 16), matrix).astype(int)
        assert np.abs(found - (red, green, blue)).max() <= 2


@pytest.mark.parametrize(("luma", "expected"), [(0, 0), (16, 0), (17, 1), (126, 128), (235, 255), (255, 255)])
def test_grey(luma: int, expected: int) -> None:
    """Luma of limited range: 16 is black, 235 is white, and what lies beyond them is cut."""
    nv12 = bytes([luma] * 4 + [128] * 2)
    assert (whole(views_of(nv12, 2, 2), BT709) == expected).all()


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [
        (320, 180, BT601),
        (720, 480, BT601),
        (720, 576, BT601),
        (1024, 576, BT601),
        (1278, 576, BT601),
        (1280, 576, BT709),
        (1280, 720, BT709),
        (960, 578, BT709),
        (1080, 1920, BT709),
        (3840, 2160, BT709),
    ],
)
def test_the_size_says_which_matrix(width: int, height: int, matrix: Matrix) -> None:
    """Up to 576 rows and below 1280 columns frames are taken for BT.601, all others for BT.709."""
    assert matrix_for(width, height) == matrix


def test_strides_are_honoured() -> None:
    """What lies behind the end of a row is not shown: a frame with long rows has the same colours."""
    narrow = np.frombuffer(noise(34, 10), np.uint8).reshape(15, 34)
    padded = np.full((15, 64), 255, np.uint8)
    padded[:, :34] = narrow
    expected = whole(views_of(narrow.tobytes(), 34, 10), BT601)
    assert np.array_equal(whole(views_of(padded.tobytes(), 34, 10, stride=64), BT601), expected)


@pytest.mark.parametrize("height", [2, 62, 64, 66, 130])
def test_bands_are_the_whole_frame(height: int) -> None:
    """However many rows a frame has, its bands are all of them, in order."""
    luma = np.repeat(np.arange(height, dtype=np.uint8) + 16, 4)
    nv12 = luma.tobytes() + bytes([128]) * (2 * height)
    grey = whole(views_of(nv12, 4, height), BT601)[:, 0, 0].astype(int)
    assert len(grey) == height
    assert (np.diff(grey) >= 1).all()


def test_samples_on_each_other() -> None:
    """Samples of equal number come to the same colours as a frame of which each is four pixels."""
    nv12 = np.frombuffer(noise(32, 16), np.uint8)
    chroma = nv12[32 * 16 :].reshape(8, 16, 2)
    luma = nv12[: 8 * 16].reshape(8, 16)
    frame = luma.repeat(2, axis=0).repeat(2, axis=1).tobytes() + chroma.tobytes()
    expected = whole(views_of(frame, 32, 16), BT709)[::2, ::2]
    assert np.array_equal(to_rgb(luma.astype(np.float32), chroma.astype(np.float32), BT709), expected)
