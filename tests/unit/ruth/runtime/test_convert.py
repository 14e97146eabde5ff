from __future__ import annotations

import itertools
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

from conftest import PROJECT
from harness.footage import ffmpeg_here
from ruth.export.colour import write_rgb
from ruth.export.layout import FrameRecord, nv12_size
from ruth.export.nv12 import nv12_views
from ruth.export.picture import Coding, Picture, coding_of_record, pack_picture
from ruth.export.scale import scaled_bands
from ruth.runtime import opencv
from ruth.runtime.frame import Copied, Frame, Origin

WIDTH, HEIGHT = 66, 50
PICTURES = [
    Picture(of_range, matrix)
    for of_range in (None, "limited", "full")
    for matrix in (None, "bt601", "bt709", "bt2020")
]
every_picture = pytest.mark.parametrize("picture", PICTURES, ids=str)


def frame_of(nv12: bytes, width: int, height: int, picture: Picture = Picture(), stride: int = 0) -> Frame:  # noqa: B008
    """A frame that is all there is."""
    stride = stride or width
    size = nv12_size(stride, height)
    record = FrameRecord(2, pack_picture(picture), 0, 0, width, height, 0, stride, size, 0, 2)
    return Frame(0, 0, nv12_views(nv12, record), Origin("front-door", "person", 2), Copied(record))


def noise(width: int, height: int) -> bytes:
    """Luma and chroma at random, within limited range."""
    random = np.random.default_rng(width)
    return random.integers(16, 236, nv12_size(width, height), np.uint8).tobytes()


def smooth(width: int, height: int) -> bytes:
    """Luma and chroma without any edge."""
    luma = 60 + 120 * np.add.outer(np.arange(height) / height, np.arange(width) / width) / 2
    chroma = 90 + 60 * np.add.outer(np.arange(height // 2) / height, np.arange(width) / width)
    return luma.astype(np.uint8).tobytes() + chroma.astype(np.uint8).tobytes()


def exact(luma: np.ndarray, chroma: np.ndarray, coding: Coding) -> np.ndarray:
    """RGB of samples that lie on each other, by the definitions of the standards."""
    red, blue = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}[
        coding.matrix
    ]
    black, luma_span, chroma_span = (16, 219, 224) if coding.range == "limited" else (0, 255, 255)
    y = (luma.astype(float) - black) * 255 / luma_span
    cb, cr = (
        chroma[..., which].astype(float) * 255 / chroma_span - 128 * 255 / chroma_span for which in (0, 1)
    )
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    return np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], -1).clip(0, 255)


# --- colours ----------------------------------------------------------------------------------------------


@every_picture
def test_colours_follow_the_record(picture: Picture) -> None:
    """In its own size a frame has the colours of its record's range and matrix, within one level."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT, picture)
    chroma = frame.uv.repeat(2, axis=0).repeat(2, axis=1)
    coding = Coding(picture.range or "limited", picture.matrix or "bt601")
    rgb = frame.rgb()
    assert (rgb.shape, rgb.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert np.abs(rgb - exact(frame.y, chroma, coding)).max() <= 1
    assert np.abs(frame.bgr()[..., ::-1].astype(int) - rgb).max() <= 1
    assert np.abs(frame.gray() - exact(frame.y, np.full_like(chroma, 128), coding)[..., 1]).max() <= 1


def test_a_large_frame_is_taken_for_bt709() -> None:
    """What no record states follows from the size, as players have it."""
    frame = frame_of(noise(1280, 720), 1280, 720)
    chroma = frame.uv.repeat(2, axis=0).repeat(2, axis=1)
    assert np.abs(frame.rgb() - exact(frame.y, chroma, Coding("limited", "bt709"))).max() <= 1


@every_picture
@pytest.mark.parametrize("size", [(22, 10), (33, 25), (40, 31), (7, 3), (1, 1), (132, 100), (100, 20)])
def test_another_size_is_rounded_once(picture: Picture, size: tuple[int, int]) -> None:
    """In another size luma and chroma are brought to it and converted then, within one level."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT, picture)
    planes = [
        np.concatenate([band.copy() for band in scaled_bands(plane, *size)]) for plane in (frame.y, frame.uv)
    ]
    coding = Coding(picture.range or "limited", picture.matrix or "bt601")
    rgb = frame.rgb(size)
    assert (rgb.shape, rgb.dtype) == ((size[1], size[0], 3), np.uint8)
    assert np.abs(rgb - exact(*planes, coding)).max() <= 1
    assert np.array_equal(frame.bgr(size), rgb[..., ::-1])
    grey = frame.gray(size)
    assert grey.shape == size[::-1]
    assert np.abs(grey - exact(planes[0], np.full_like(planes[1], 128), coding)[..., 1]).max() <= 1


@pytest.mark.parametrize("size", [(320, 180), (400, 224), (640, 384), (101, 57)])
def test_a_smaller_size_is_ffmpegs(size: tuple[int, int]) -> None:
    """A picture without edges has the colours that FFmpeg's area averaging gives it, within one level."""
    frame = frame_of(smooth(1280, 720), 1280, 720)
    flags = "flags=area+accurate_rnd+full_chroma_int+full_chroma_inp"
    scale = f"scale={size[0]}:{size[1]}:in_color_matrix=bt709:in_range=limited:out_range=full:{flags}"
    raw = ["-f", "rawvideo", "-pix_fmt", "nv12", "-s", "1280x720"]
    theirs = by_ffmpeg(frame.nv12.tobytes(), *raw, "-i", "-", "-vf", scale, "-pix_fmt", "rgb24")
    error = np.abs(frame.rgb(size).astype(int) - theirs.reshape(size[1], size[0], 3))
    assert error[2:-2, 2:-2].max() <= 1


def by_ffmpeg(nv12: bytes, *arguments: str) -> np.ndarray:
    """What FFmpeg makes of a frame that it is fed with."""
    command = [ffmpeg_here().path, "-v", "error", *arguments, "-f", "rawvideo", "-"]
    done = subprocess.run(command, input=nv12, capture_output=True, timeout=60, check=True)
    return np.frombuffer(done.stdout, np.uint8)


def test_a_stride_is_no_picture() -> None:
    """What lies behind the end of a row is in no result."""
    narrow = np.frombuffer(noise(WIDTH, HEIGHT), np.uint8).reshape(-1, WIDTH)
    padded = np.full((len(narrow), 96), 255, np.uint8)
    padded[:, :WIDTH] = narrow
    one = frame_of(narrow.tobytes(), WIDTH, HEIGHT)
    other = frame_of(padded.tobytes(), WIDTH, HEIGHT, stride=96)
    for way, size in itertools.product(("rgb", "bgr", "gray"), (None, (40, 20))):
        assert np.array_equal(getattr(one, way)(size), getattr(other, way)(size)), (way, size)


# --- letterboxes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("size", [(64, 64), (100, 40), (66, 50), (66, 90), (300, 60), (1, 40)])
def test_a_letterbox_keeps_the_shape(way: str, size: tuple[int, int]) -> None:
    """The picture lies in the middle, as large as it fits; all around it is the grey of the border."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT)
    found = getattr(frame, way)(size, letterbox=True)
    left, top, width, height = frame.place_in(size, letterbox=True)
    assert abs(width / height - WIDTH / HEIGHT) <= max(1 / height, 1 / width) * WIDTH / HEIGHT
    assert (width, height) == size or width == size[0] or height == size[1]
    inside = np.zeros(size[::-1], bool)
    inside[top : top + height, left : left + width] = True
    assert np.array_equal(
        found[top : top + height, left : left + width], getattr(frame, way)((width, height))
    )
    assert set(found[~inside].flat) <= {114}
    assert set(getattr(frame, way)(size, letterbox=True, fill=7)[~inside].flat) <= {7}


def test_stretched_it_fills_all() -> None:
    """Without a letterbox the picture is all there is."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT)
    assert frame.place_in((10, 90)) == (0, 0, 10, 90)


def test_a_box_finds_its_way_back() -> None:
    """A point of a letterboxed picture is at its place in the frame, as the docstring of place_in says."""
    luma = np.full((50, 66), 16, np.uint8)
    luma[30:32, 40:42] = 235
    frame = frame_of(luma.tobytes() + bytes([128]) * (50 * 33), 66, 50)
    small = frame.gray((33, 60), letterbox=True, fill=0)
    y, x = np.unravel_index(small.argmax(), small.shape)
    left, top, width, height = frame.place_in((33, 60), letterbox=True)
    at = (x + 0.5 - left) * frame.width / width, (y + 0.5 - top) * frame.height / height
    assert np.allclose(at, (41, 31), atol=1)


# --- outputs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, (40, 20)])
@pytest.mark.parametrize("way", ["rgb", "bgr", "gray"])
def test_the_output_may_be_given(way: str, size: tuple[int, int] | None) -> None:
    """An array of the right shape is written into and given back, whatever its strides."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT)
    expected = getattr(frame, way)(size)
    apart = np.zeros((*expected.shape[:2], 9), np.uint8)[..., 2:8:2]
    for out in (np.zeros_like(expected), apart[..., 1] if way == "gray" else apart):
        assert getattr(frame, way)(size, out=out) is out
        assert np.abs(out.astype(int) - expected).max() <= 1
    if way != "gray":
        planes = np.zeros((3, *expected.shape[:2]), np.uint8)
        getattr(frame, way)(size, out=planes.transpose(1, 2, 0))
        assert np.abs(planes.astype(int) - expected.transpose(2, 0, 1)).max() <= 1


READ_ONLY = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
READ_ONLY.setflags(write=False)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        (np.zeros((HEIGHT, WIDTH), np.uint8), r"out is uint8 \(50, 66\), needed is .* uint8 \(50, 66, 3\)"),
        (np.zeros((WIDTH, HEIGHT, 3), np.uint8), r"\(50, 66, 3\)"),
        (np.zeros((HEIGHT, WIDTH, 3), np.float32), "out is float32"),
        (bytearray(HEIGHT * WIDTH * 3), "out is bytearray"),
        (READ_ONLY, "out cannot be written"),
    ],
)
def test_a_wrong_output_is_refused(out: Any, said: str) -> None:
    """An output of another shape or type, or one that cannot be written, is refused with what is needed."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT)
    with pytest.raises(ValueError, match=said):
        frame.rgb(out=out)


@pytest.mark.parametrize(
    "size", [(0, 10), (10, -1), (10,), (1, 2, 3), 10, "ab", (1.5, 2), (16385, 2), (2, 2**40), ("1", 2)]
)
def test_a_wrong_size_is_refused(size: Any) -> None:
    """A size that is not width and height, or would be very large, is refused before memory is taken."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT)
    for way in (frame.rgb, frame.bgr, frame.gray, frame.place_in):
        with pytest.raises(ValueError, match=r"width and height, two whole numbers from 1 to 16384"):
            way(size)


@pytest.mark.parametrize("fill", [-1, 256, 1.5, None, (1, 2, 3)])
def test_a_wrong_border_is_refused(fill: Any) -> None:
    """A border of another level than 0 to 255 is refused."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT)
    with pytest.raises(ValueError, match=r"fill .*: a whole number from 0 to 255"):
        frame.rgb((64, 64), letterbox=True, fill=fill)


def test_numbers_of_numpy_are_sizes() -> None:
    """A size may come out of an array."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT)
    assert frame.rgb((np.int64(8), np.uint8(6))).shape == (6, 8, 3)


# --- OpenCV -----------------------------------------------------------------------------------------------


@every_picture
@pytest.mark.parametrize("bgr", [False, True])
def test_opencv_says_the_same(picture: Picture, bgr: bool) -> None:
    """Where OpenCV converts, each colour is ours within one level; of other codings it converts nothing."""
    frame = frame_of(noise(640, 360), 640, 360, picture)
    coding = coding_of_record(frame._found.record)
    out, ours = np.zeros((360, 640, 3), np.uint8), np.zeros((360, 640, 3), np.uint8)
    done = opencv.converted(frame._views, coding, out, bgr=bgr)
    assert done is (coding == ("limited", "bt601"))
    if done:
        write_rgb(frame._views, coding, ours[..., ::-1] if bgr else ours)
        assert np.abs(out.astype(int) - ours).max() <= 1
    else:
        assert not out.any()


def test_opencv_reads_rows_that_are_longer() -> None:
    """A stride above the width, and a part of a larger output, are no obstacle."""
    padded = np.random.default_rng(1).integers(16, 236, (75, 96), np.uint8)
    frame = frame_of(padded.tobytes(), 66, 50, stride=96)
    assert np.array_equal(frame.rgb(), frame_of(padded[:, :66].tobytes(), 66, 50).rgb())
    large = np.zeros((50, 100, 3), np.uint8)
    frame.rgb((100, 50), letterbox=True, out=large)
    assert np.abs(large[:, 17:83].astype(int) - frame.rgb()).max() <= 1


CONVERTS = f"""
import sys
{{before}}
sys.path.insert(0, {str(PROJECT / "tests" / "unit" / "ruth" / "runtime")!r})
sys.path.insert(0, {str(PROJECT / "tests")!r})
import ruth
ruth.Frame
assert "cv2" not in sys.modules or sys.modules["cv2"] is None, "imported before it is needed"
from test_convert import *
frame = frame_of(noise(64, 48), 64, 48)
sys.stdout.buffer.write(frame.rgb().tobytes())
"""


@pytest.mark.parametrize("before", ["", 'sys.modules["cv2"] = None'], ids=["installed", "not installed"])
def test_opencv_is_not_needed(before: str) -> None:
    """It is imported when a frame is converted, not before; without it the colours are the same."""
    code = CONVERTS.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    rgb = np.frombuffer(done.stdout, np.uint8).reshape(48, 64, 3)
    assert np.abs(rgb.astype(int) - frame_of(noise(64, 48), 64, 48).rgb()).max() <= 1


def test_views_are_left_alone() -> None:
    """A conversion changes nothing of the frame."""
    content = noise(WIDTH, HEIGHT)
    frame = frame_of(content, WIDTH, HEIGHT)
    for way, size in itertools.product((frame.rgb, frame.bgr, frame.gray), (None, (40, 20))):
        way(size)
    assert frame.nv12.tobytes() == content


def test_a_large_picture_needs_no_memory_but_its_own() -> None:
    """What lies between frame and picture are some rows, however large the picture is."""
    frame = frame_of(noise(WIDTH, HEIGHT), WIDTH, HEIGHT)
    out = np.zeros((8000, 200, 3), np.uint8)
    frame.rgb((100, 100))
    tracemalloc.start()
    try:
        frame.rgb((200, 8000), out=out)
        assert tracemalloc.get_traced_memory()[1] < out.nbytes / 2
    finally:
        tracemalloc.stop()
