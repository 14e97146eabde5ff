"""Publishing arrays: NV12 of any strides, colours, sizes that do not fit, times."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

import ruth
from harness.published import Messages, exporter_of
from ruth.export.colour import SPANS, WEIGHTS
from ruth.export.nv12 import nv12_views
from ruth.export.outcome import Fresh
from ruth.export.picture import Coding
from ruth.export.source import ExportSource
from ruth.vas.encode import write_nv12
from ruth.vas.exporter import NULL_EXPORTER, FrameExporter
from ruth.vas.misfit import USUAL_SIZES, describe_shape, describe_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from conftest import Roots

WIDTH, HEIGHT, STRIDE = 64, 48, 96
CODINGS = [Coding(span, matrix) for span in SPANS for matrix in WEIGHTS]
RANDOM = np.random.default_rng(7)


@pytest.fixture
def messages() -> Messages:
    """What the exporter says."""
    return Messages()


@pytest.fixture
def open_(roots: Roots, messages: Messages) -> Iterator[Callable[..., FrameExporter]]:
    """Opens exporters that are closed after the test."""
    opened: list[FrameExporter] = []

    def open_one(width: int = WIDTH, height: int = HEIGHT, **options: Any) -> FrameExporter:
        exporter = ruth.open_exporter(
            "front-door", width, height, environ=roots.environ(), report=messages, **options
        )
        assert isinstance(exporter, FrameExporter)
        opened.append(exporter)
        return exporter

    yield open_one
    for exporter in opened:
        exporter.close()


def newest(roots: Roots) -> tuple[int, NDArray[np.uint8]]:
    """Time and pixels of the newest frame."""
    with ExportSource(str(roots.export), "front-door") as source:
        outcome = source.try_read()
        assert isinstance(outcome, Fresh), outcome
        pixels = source.pixels(outcome)
        assert pixels is not None
        return outcome.record.timestamp_ns, nv12_views(pixels.memory, pixels.record).nv12.copy()


def noise(*shape: int) -> NDArray[np.uint8]:
    """Bytes of any value."""
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("stride", [WIDTH, STRIDE])
@pytest.mark.parametrize(
    "form",
    [
        lambda frame: frame,
        np.asfortranarray,
        lambda frame: np.repeat(frame, 2, axis=1)[:, ::2],
        lambda frame: np.concatenate([frame, frame], axis=1)[:, : frame.shape[1]],
        memoryview,
    ],
    ids=["whole", "by columns", "every second column", "padded", "memoryview"],
)
def test_nv12_of_any_strides(
    roots: Roots, open_: Callable[..., FrameExporter], stride: int, form: Callable[[Any], Any]
) -> None:
    """An array (height * 3 // 2, width) is published as it is, however its rows lie and those of the slot."""
    frame = noise(HEIGHT * 3 // 2, WIDTH)
    assert open_(stride=stride).publish(form(frame), 5)
    time_ns, found = newest(roots)
    assert time_ns == 5
    assert np.array_equal(found, frame)


def exact(rgb: NDArray[np.uint8], coding: Coding) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Luma and chroma as the standards define them, in levels, not rounded."""
    red, blue = WEIGHTS[coding.matrix]
    black, luma_span, chroma_span = SPANS[coding.range]
    weights = np.array([red, 1 - red - blue, blue])
    rows, columns, _ = rgb.shape
    mean = rgb.astype(float).reshape(rows // 2, 2, columns // 2, 2, 3).mean((1, 3))
    light = mean @ weights
    cb = (mean[..., 2] - light) / (2 * (1 - blue))
    cr = (mean[..., 0] - light) / (2 * (1 - red))
    chroma = np.stack([cb, cr], -1) * chroma_span / 255 + 128
    return rgb @ weights * luma_span / 255 + black, chroma.clip(0, 255)


@pytest.mark.parametrize("with_opencv", [False, True])
@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_colours_are_exact_within_one_level(
    monkeypatch: pytest.MonkeyPatch, coding: Coding, with_opencv: bool
) -> None:
    """Of noise, of pure colours and of every grey, by each range and matrix, with OpenCV and without."""
    if not with_opencv:
        monkeypatch.setitem(sys.modules, "cv2", None)  # as if it had not been loaded
    corners = (255 * ((np.arange(8)[:, None] >> np.arange(3)) & 1)).astype(np.uint8)
    pure = corners[RANDOM.integers(0, 8, (64, 64))].repeat(2, 0).repeat(2, 1)
    grey = np.arange(256, dtype=np.uint8).repeat(2).reshape(2, 256, 1).repeat(3, 2).repeat(2, 0)
    for rgb in (noise(130, 200, 3), pure, np.ascontiguousarray(grey)):
        rows, columns, _ = rgb.shape
        luma, chroma = exact(rgb, coding)
        for bgr in (False, True):
            nv12 = np.zeros((rows * 3 // 2, columns + 8), np.uint8)[:, :columns]
            y, uv = nv12[:rows], nv12[rows:].reshape(rows // 2, columns // 2, 2)
            write_nv12(rgb[..., ::-1] if bgr else rgb, y, uv, coding, bgr=bgr)
            assert abs(y - luma).max() <= 1 + 1e-9
            assert abs(uv - chroma).max() <= 1 + 1e-9
        if rgb is grey:
            assert (uv == 128).all()


def test_a_picture_comes_back_as_it_was(roots: Roots, open_: Callable[..., FrameExporter]) -> None:
    """What publish_bgr and publish_rgb wrote, OpenCV reads as that picture."""
    smooth = np.stack(np.broadcast_arrays(*np.ogrid[60:180:48j, 90:220:64j], 128), -1).astype(np.uint8)
    exporter = open_(pixel_range="limited", matrix="bt601", stride=STRIDE)
    for publish, picture in ((exporter.publish_bgr, smooth), (exporter.publish_rgb, smooth[..., ::-1])):
        assert publish(picture, 3)
        found = cv2.cvtColor(newest(roots)[1], cv2.COLOR_YUV2BGR_NV12)
        assert abs(found.astype(int) - smooth).max() <= 5  # as chroma has a quarter of the samples


def test_what_is_not_stated_is_as_readers_assume(roots: Roots, open_: Callable[..., FrameExporter]) -> None:
    """Without range and matrix a small picture is BT.601 of limited range, as every reader takes it then."""
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 2] = 255
    assert open_().publish_bgr(red)
    luma, chroma = exact(red[..., ::-1], Coding("limited", "bt601"))
    found = newest(roots)[1]
    assert abs(found[:HEIGHT] - luma).max() <= 1
    assert abs(found[HEIGHT:].reshape(chroma.shape) - chroma).max() <= 1


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((HEIGHT, WIDTH, 3), "this looks like BGR or RGB 64x48: use publish_bgr() or publish_rgb()"),
        ((HEIGHT, WIDTH, 4), "this looks like BGRA or RGBA 64x48"),
        ((HEIGHT, WIDTH), "this looks like gray 64x48: NV12 has 24 rows of chroma below it"),
        ((1080, 1280), "this looks like NV12 1280x720: use publish(), after resize(1280, 720)"),
        ((HEIGHT * WIDTH * 3,), "this looks like BGR or RGB 64x48"),
        ((1920 * 1080 * 3 // 2,), "this looks like NV12 1920x1080: use publish(), after resize(1920, 1080)"),
        ((1280 * 720 * 4,), "this looks like BGRA or RGBA 1280x720"),
        ((HEIGHT * WIDTH * 2,), "this looks like YUYV or NV16 64x48"),
    ],
)
def test_a_wrong_size_is_named(
    open_: Callable[..., FrameExporter], messages: Messages, shape: tuple[int, ...], said: str
) -> None:
    """What is not a frame here is not published, and the message says what it looks like."""
    exporter = open_()
    assert not exporter.publish(np.zeros(shape, np.uint8))
    (message,) = messages
    assert said in message
    assert exporter.enabled


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((HEIGHT * 3 // 2, WIDTH), np.uint8), "this looks like NV12 64x48: use publish()"),
        (np.zeros((720, 1280, 3), np.uint8), "BGR or RGB 1280x720: use publish_bgr() or publish_rgb()"),
        (np.zeros((HEIGHT, WIDTH, 3), np.float32), "a frame of float32, must be uint8"),
        (None, "a frame of object, must be uint8"),
        ([[1, 2], [3]], "a frame is an array of uint8"),
    ],
)
def test_what_is_no_picture(
    open_: Callable[..., FrameExporter], messages: Messages, picture: Any, said: str
) -> None:
    """Nothing that is given is raised for: it is not published, and the message names it."""
    exporter = open_()
    assert not exporter.publish_bgr(picture)
    assert not exporter.publish_rgb(picture)
    (message,) = messages
    assert said in message


def test_sizes_that_look_like_nothing() -> None:
    """Nothing is made up."""
    assert describe_size(12345, WIDTH, HEIGHT) == ""
    assert describe_shape((5,), WIDTH, HEIGHT) == ""
    assert describe_shape((5, 5, 5), WIDTH, HEIGHT) == ""
    assert describe_shape((), WIDTH, HEIGHT) == ""
    assert len(set(USUAL_SIZES)) == len(USUAL_SIZES)


def test_a_new_size_is_a_new_export(
    roots: Roots, open_: Callable[..., FrameExporter], messages: Messages
) -> None:
    """By one call: the old export is closed, readers find another session with frames of the new size."""
    exporter = open_()
    assert exporter.publish(noise(HEIGHT * 3 // 2, WIDTH))
    with ExportSource(str(roots.export), "front-door") as source:
        assert isinstance(source.try_read(), Fresh)
        assert not exporter.publish_bgr(np.zeros((96, 128, 3), np.uint8))
        assert exporter.resize(128, 96)
        assert exporter.problem is None
        assert exporter.publish_bgr(np.zeros((96, 128, 3), np.uint8))
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
        assert (outcome.record.frame_id, outcome.record.width, outcome.session) == (0, 128, 2)
    assert exporter.published == 2
    assert not exporter.resize(127, 96)
    assert not exporter.enabled
    assert "127 x 96" in str(exporter.problem)
    assert exporter.resize(WIDTH, HEIGHT, STRIDE)
    exporter.close()
    assert not exporter.resize(WIDTH, HEIGHT)
    assert len(messages) == 2


def test_the_present_moment(roots: Roots, open_: Callable[..., FrameExporter]) -> None:
    """Without a time a frame has that of the call."""
    before = time.monotonic_ns()
    assert open_().publish(bytes(WIDTH * HEIGHT * 3 // 2))
    assert before <= newest(roots)[0] <= time.monotonic_ns()


def test_presentation_times(roots: Roots, open_: Callable[..., FrameExporter]) -> None:
    """Frames that come in a burst get the rhythm of their presentation times, never later than they came."""
    exporter = open_()
    frame, found = bytes(WIDTH * HEIGHT * 3 // 2), []
    for number, arrival_ns in enumerate([1_000_000_000, 1_041_000_000, 1_400_000_000, 1_400_100_000]):
        assert exporter.publish(frame, arrival_ns, presentation_ns=40_000_000 * number)
        found.append(newest(roots)[0])
    assert found == [1_000_000_000, 1_040_000_000, 1_080_000_000, 1_120_000_000]
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert exporter.publish_rgb(picture, 1_401_000_000, presentation_ns=160_000_000)
    assert newest(roots)[0] == 1_160_000_000
    assert exporter.publish(frame, 1_500_000_000)  # none: the arrival
    assert newest(roots)[0] == 1_500_000_000


@pytest.mark.parametrize("presentation_ns", [1.5, "1"])
def test_a_presentation_time_that_is_none(
    open_: Callable[..., FrameExporter], messages: Messages, presentation_ns: Any
) -> None:
    """It is not published, and nothing is raised."""
    exporter = open_()
    for publish, frame in (
        (exporter.publish, bytes(WIDTH * HEIGHT * 3 // 2)),
        (exporter.publish, noise(HEIGHT * 3 // 2, WIDTH)),
        (exporter.publish_bgr, noise(HEIGHT, WIDTH, 3)),
    ):
        assert not publish(frame, presentation_ns=presentation_ns)
    assert messages == [
        f"timestamp_ns None, presentation_ns {presentation_ns!r}: whole numbers of nanoseconds, or None"
    ]


def test_a_with_block(roots: Roots) -> None:
    """It ends the export, also when something raises inside."""
    exporter = ruth.open_exporter("front-door", WIDTH, HEIGHT, environ=roots.environ())
    assert exporter.enabled
    with pytest.raises(ZeroDivisionError), exporter:
        raise ZeroDivisionError
    assert list((roots.export / "front-door").iterdir()) == []
    assert not exporter.publish_bgr(np.zeros((HEIGHT, WIDTH, 3), np.uint8))


def test_with_the_flag_off(roots: Roots) -> None:
    """Each call is there, and does nothing."""
    with ruth.open_exporter("front-door", WIDTH, HEIGHT, environ=roots.environ(flag=None)) as exporter:
        assert exporter is NULL_EXPORTER
        assert not exporter.publish_bgr(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        assert not exporter.publish_rgb(None, 1, presentation_ns=2)
        assert not exporter.resize(2, 2)
    assert not roots.export.exists()


def test_a_second_exporter_is_refused(
    roots: Roots, open_: Callable[..., FrameExporter], messages: Messages
) -> None:
    """In words: the first one keeps its export."""
    exporter = exporter_of(roots, "front-door")
    assert not open_().enabled
    assert "exports this camera already" in messages[0]
    assert exporter.publish(bytes(WIDTH * HEIGHT * 3 // 2), 1)
    exporter.close()
