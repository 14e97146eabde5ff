from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from harness.footage import call, each_ffmpeg, ffmpeg_here
from ruth.export.colour import rgb_bands, write_grey, write_rgb
from ruth.export.layout import FrameRecord
from ruth.export.nv12 import nv12_views
from ruth.export.picture import Coding

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from launch.vas.ffmpeg import FFmpeg
    from ruth.export.nv12 import Nv12Views

# FFmpeg at its most exact, and each chroma sample for the four pixels it was made from, as here.
EXACT = "flags=neighbor+accurate_rnd+full_chroma_int+full_chroma_inp"
CODINGS = [
    Coding(of_range, matrix)  # type: ignore[arg-type]
    for of_range, matrix in itertools.product(("limited", "full"), ("bt601", "bt709", "bt2020"))
]
BT601, BT709 = Coding("limited", "bt601"), Coding("limited", "bt709")
LARGE = pytest.param(1280, 720, marks=pytest.mark.long)
every_coding = pytest.mark.parametrize("coding", CODINGS, ids="-".join)
every_ffmpeg_here = pytest.mark.parametrize("ffmpeg", each_ffmpeg())


def views_of(nv12: bytes, width: int, height: int, stride: int = 0) -> Nv12Views:
    """Views of one frame that is all there is."""
    stride = stride or width
    return nv12_views(nv12, FrameRecord(2, 0, 0, 0, width, height, 0, stride, stride * height * 3 // 2, 0, 0))


def whole(views: Nv12Views, coding: Coding) -> NDArray[np.uint8]:
    """All bands in one."""
    return np.concatenate(list(rgb_bands(views, coding)))


def by_ffmpeg(
    ffmpeg: FFmpeg, folder: Path, nv12: bytes, width: int, height: int, coding: Coding
) -> NDArray[np.uint8]:
    """What FFmpeg makes of a frame, told how it is meant."""
    raw = folder / "frame.nv12"
    raw.write_bytes(nv12)
    source = ["-f", "rawvideo", "-pix_fmt", "nv12", "-s", f"{width}x{height}", "-i", raw]
    scale = f"scale=in_color_matrix={coding.matrix}:in_range={coding.range}:out_range=full:{EXACT}"
    rgb = call(ffmpeg, *source, "-vf", scale, "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    return np.frombuffer(rgb, np.uint8).reshape(height, width, 3)


def picture_of(ffmpeg: FFmpeg, source: str, width: int, height: int, coding: Coding) -> bytes:
    """One NV12 frame of a picture that FFmpeg generates as RGB and converts."""
    scale = f"format=gbrp,scale=out_color_matrix={coding.matrix}:out_range={coding.range}:{EXACT}"
    generate = f"{source}{':' if '=' in source else '='}size={width}x{height}"
    picture = ["-f", "lavfi", "-i", generate, "-vf", scale, "-frames:v", "1"]
    return call(ffmpeg, *picture, "-pix_fmt", "nv12", "-f", "rawvideo", "-")


def noise(width: int, height: int, lowest: int = 16, end: int = 236) -> bytes:
    """Luma and chroma at random; many of the colours do not exist."""
    random = np.random.default_rng(width)
    luma = random.integers(lowest, end, width * height, np.uint8)
    return luma.tobytes() + random.integers(lowest, end, width * height // 2, np.uint8).tobytes()


def assert_alike(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> None:
    """No channel of any pixel is off by more than one level, and the mean error is below a twentieth."""
    assert ours.shape == theirs.shape
    error = np.abs(ours.astype(int) - theirs.astype(int))
    assert error.max() <= 1
    assert error.mean() < 0.05


@every_ffmpeg_here
@every_coding
@pytest.mark.parametrize("source", ["testsrc2", "rgbtestsrc", "smptehdbars", "mandelbrot"])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (322, 182), LARGE])
def test_colours_are_ffmpegs(
    tmp_path: Path, ffmpeg: FFmpeg, coding: Coding, source: str, width: int, height: int
) -> None:
    """Every pixel has the colour that FFmpeg's most exact conversion gives it, within one level."""
    nv12 = picture_of(ffmpeg, source, width, height, coding)
    theirs = by_ffmpeg(ffmpeg, tmp_path, nv12, width, height, coding)
    assert_alike(whole(views_of(nv12, width, height), coding), theirs)


@every_ffmpeg_here
@every_coding
def test_colours_that_do_not_exist(tmp_path: Path, ffmpeg: FFmpeg, coding: Coding) -> None:
    """Luma and chroma of no colour are cut to the nearest there is, as FFmpeg does.

    Not beyond limited range: there FFmpeg's sums overflow, and 255 becomes 0. See the definition below.
    """
    nv12 = noise(320, 180, *((16, 236) if coding.range == "limited" else (0, 256)))
    theirs = by_ffmpeg(ffmpeg, tmp_path, nv12, 320, 180, coding)
    assert_alike(whole(views_of(nv12, 320, 180), coding), theirs)


@every_coding
def test_every_colour_is_the_exact_one_within_one_level(coding: Coding) -> None:
    """Of all lumas and all pairs of chroma, by the definitions of the standards: no sum overflows."""
    weights = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
    red, blue = weights[coding.matrix]
    green = 1 - red - blue
    black, luma_span, chroma_span = (16, 219, 224) if coding.range == "limited" else (0, 255, 255)
    levels = np.array([0, 1, 15, 16, 17, 127, 128, 129, 234, 235, 236, 239, 240, 241, 254, 255])
    luma, cb, cr = (axis.ravel() for axis in np.meshgrid(np.arange(256), levels, levels, indexing="ij"))
    frame = np.concatenate([luma.repeat(4), np.stack([cb, cr], -1).ravel()]).astype(np.uint8)
    # One pixel of luma four times over its own chroma: 2 x 2 for each colour, in a row of all colours.
    count = len(luma)
    frame[: 4 * count] = np.tile(luma.repeat(2), 2).astype(np.uint8)
    found = whole(views_of(frame.tobytes(), 2 * count, 2), coding)[0, ::2].astype(float)
    y = (luma - black) * 255 / luma_span
    b_y, r_y = 2 * (1 - blue) * (cb - 128) * 255 / chroma_span, 2 * (1 - red) * (cr - 128) * 255 / chroma_span
    exact = np.stack([y + r_y, y - (red * r_y + blue * b_y) / green, y + b_y], -1).clip(0, 255)
    assert np.abs(found - exact).max() < 0.7


@pytest.mark.long
def test_the_codings_differ(tmp_path: Path) -> None:
    """The comparisons above would notice the wrong matrix, and the wrong range."""
    ffmpeg = ffmpeg_here()
    for one, other in itertools.permutations(CODINGS, 2):
        nv12 = picture_of(ffmpeg, "smptehdbars", 320, 180, one)
        with pytest.raises(AssertionError):
            assert_alike(
                whole(views_of(nv12, 320, 180), other), by_ffmpeg(ffmpeg, tmp_path, nv12, 320, 180, one)
            )


@every_coding
def test_there_and_back(coding: Coding) -> None:
    """Flat red, green, blue, white, grey and black come out of NV12 as they went in, within two levels."""
    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (128, 128, 128), (0, 0, 0))
    for red, green, blue in colours:
        source = f"color=c=0x{red:02x}{green:02x}{blue:02x}"
        nv12 = picture_of(ffmpeg_here(), source, 16, 16, coding)
        found = whole(views_of(nv12, 16, 16), coding).astype(int)
        assert np.abs(found - (red, green, blue)).max() <= 2


@pytest.mark.parametrize(("luma", "expected"), [(0, 0), (16, 0), (17, 1), (126, 128), (235, 255), (255, 255)])
def test_grey(luma: int, expected: int) -> None:
    """Luma of limited range: 16 is black, 235 is white, and what lies beyond them is cut."""
    nv12 = bytes([luma] * 4 + [128] * 2)
    assert (whole(views_of(nv12, 2, 2), BT709) == expected).all()


@every_coding
def test_light_is_the_grey_of_the_colours(coding: Coding) -> None:
    """Luma as light is what red, green and blue are where there is no colour, of whole numbers and others."""
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)
    views = views_of(luma.tobytes() + bytes([128] * 128), 16, 16)
    grey, larger = np.empty((16, 16), np.uint8), np.empty((16, 48), np.uint8)
    write_grey(views, coding, grey)
    write_grey(views, coding, larger)
    assert np.array_equal(grey, larger[:, 1::3])  # in the middle of three is the sample itself
    assert np.abs(whole(views, coding).astype(int) - grey[..., None]).max() <= 1


def test_strides_are_honoured() -> None:
    """What lies behind the end of a row is not shown: a frame with long rows has the same colours."""
    narrow = np.frombuffer(noise(34, 10), np.uint8).reshape(15, 34)
    padded = np.full((15, 64), 255, np.uint8)
    padded[:, :34] = narrow
    expected = whole(views_of(narrow.tobytes(), 34, 10), BT601)
    assert np.array_equal(whole(views_of(padded.tobytes(), 34, 10, stride=64), BT601), expected)


@pytest.mark.parametrize("height", [2, 62, 64, 66, 130])
def test_bands_are_the_whole_frame(height: int) -> None:
    """However many rows a frame has, its bands are all of them, in order, as is what is written at once."""
    luma = np.repeat(np.arange(height, dtype=np.uint8) + 16, 4)
    views = views_of(luma.tobytes() + bytes([128]) * (2 * height), 4, height)
    rgb = whole(views, BT601)
    grey = rgb[:, 0, 0].astype(int)
    assert len(grey) == height
    assert (np.diff(grey) >= 1).all()
    out = np.empty_like(rgb)
    write_rgb(views, BT601, out)
    assert np.array_equal(out, rgb)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)], ids=["interleaved", "planar"])
@pytest.mark.parametrize("step", [1, -1], ids=["rgb", "bgr"])
def test_the_output_has_any_strides(order: tuple[int, int, int], step: int) -> None:
    """Into planes, or with the channels the other way round, the same colours are written."""
    views = views_of(noise(66, 70), 66, 70)
    shape = [(70, 66, 3)[axis] for axis in order]
    out = np.zeros(shape, np.uint8).transpose(np.argsort(order))[..., ::step]
    write_rgb(views, BT709, out)
    assert np.array_equal(out, whole(views, BT709))


def test_samples_on_each_other() -> None:
    """In half its size, a frame of which each colour is four pixels has those colours."""
    nv12 = np.frombuffer(noise(32, 160, 0, 256), np.uint8)
    chroma = nv12[32 * 160 :].reshape(80, 16, 2)
    luma = nv12[: 80 * 16].reshape(80, 16)
    frame = luma.repeat(2, axis=0).repeat(2, axis=1).tobytes() + chroma.tobytes()
    views = views_of(frame, 32, 160)
    expected = whole(views, BT709)[::2, ::2]
    out = np.empty((80, 16, 3), np.uint8)
    write_rgb(views, BT709, out)
    assert np.abs(out.astype(int) - expected).max() <= 1
