from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import time
import tracemalloc
from copy import copy as shallow_copy
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import ruth
from conftest import PROJECT
from doubles.frozen_vas import Version1Writer
from doubles.stepped_agent import CAMERA, SteppedAgent
from ruth.errors import SharedMemoryError
from ruth.export.nv12 import Nv12Views
from ruth.export.picture import Picture
from ruth.runtime.frame import Frame
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

    Attach = Callable[..., Stream]

WIDTH, HEIGHT, STRIDE = 16, 8, 32
SIZE = STRIDE * HEIGHT * 3 // 2
NUMPY_SAYS_READ_ONLY = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


@pytest.fixture
def ring(roots: Roots) -> FrameRing:
    """An export whose rows are longer than its picture."""
    return FrameRing(str(roots.export / CAMERA), WIDTH, HEIGHT, STRIDE, 2)


def publish(ring: FrameRing, content: bytes, timestamp_ns: int = 1) -> None:
    """Publishes one frame."""
    ring.begin_frame()[:] = content
    ring.commit(timestamp_ns)


@pytest.fixture
def frame(ring: FrameRing, agent: SteppedAgent, attach: Attach) -> Frame:
    """A frame whose every byte is its offset modulo 251."""
    publish(ring, bytes(offset % 251 for offset in range(SIZE)))
    agent.step()
    return next(attach())


def every_array(frame: Frame) -> list[Any]:
    """Every array that a frame gives out, and all that these stand on."""
    found: list[Any] = []
    ways = [frame.nv12, frame.y, frame.uv, np.asarray(frame), frame.nv12[2:4, ::2]]
    if NUMPY_SAYS_READ_ONLY:
        ways.append(np.from_dlpack(frame))
    for array in ways:
        below: Any = array
        while below is not None:
            found.append(below)
            below = getattr(below, "base", None)
    return found


def test_arrays_follow_the_stride(frame: Frame) -> None:
    """nv12, y and uv show exactly the pixels of their rows, at ``stride`` bytes from row to row."""
    rows = np.arange(SIZE, dtype=np.int64).reshape(HEIGHT * 3 // 2, STRIDE)[:, :WIDTH] % 251
    assert np.array_equal(frame.nv12, rows)
    assert np.array_equal(frame.y, rows[:HEIGHT])
    assert np.array_equal(frame.uv, rows[HEIGHT:].reshape(HEIGHT // 2, WIDTH // 2, 2))
    assert (frame.nv12.shape, frame.y.shape, frame.uv.shape) == ((12, 16), (8, 16), (4, 8, 2))
    assert {array.dtype for array in (frame.nv12, frame.y, frame.uv)} == {np.dtype(np.uint8)}
    assert (frame.width, frame.height, frame.stride) == (WIDTH, HEIGHT, STRIDE)


def test_no_array_can_be_written(frame: Frame) -> None:
    """A store into any array of a frame raises, and the frame is as it was."""
    before = frame.nv12.tobytes()
    for array in every_array(frame):
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    assert frame.nv12.tobytes() == before


def test_no_array_can_be_made_writable(frame: Frame) -> None:
    """setflags(write=True) raises on every array of a frame and on all that it is on."""
    arrays = [array for array in every_array(frame) if isinstance(array, np.ndarray)]
    assert len(arrays) > 6
    for array in arrays:
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_no_buffer_below_is_writable(frame: Frame) -> None:
    """Every memoryview below an array is read-only as well."""
    views = [found for found in every_array(frame) if isinstance(found, memoryview)]
    assert views
    for view in views:
        assert view.readonly
        with pytest.raises(TypeError, match="read-only"):
            view[0] = view[0]


def test_strided_tricks_do_not_make_it_writable(frame: Frame) -> None:
    """Numpy's own way around shapes and strides gives no writable array either."""
    trick = np.lib.stride_tricks.as_strided(frame.nv12, writeable=True)
    with pytest.raises(ValueError, match="read-only"):
        trick[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        trick.setflags(write=True)


# Finds a frame in an export that its own process writes, and stores into it behind numpy's back.
STORES_FROM_C = f"""
import ctypes, os, sys
import ruth
stream = ruth.attach({CAMERA!r}, "person")
frame = next(stream)
print("found", flush=True)
ctypes.memset(frame.nv12.ctypes.data, 0, 1)
print("written", flush=True)
"""


def test_a_store_from_c_ends_that_process_alone(roots: Roots, ring: FrameRing, agent: SteppedAgent) -> None:
    """A runtime that stores into a frame from C dies of SIGSEGV; the frame and every other process do not."""
    publish(ring, bytes([7]) * SIZE)
    agent.step()
    done = subprocess.run(
        [sys.executable, "-c", STORES_FROM_C],
        env=roots.environ() | {"PYTHONFAULTHANDLER": ""},
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (-11, "found\n")
    assert set((roots.export / CAMERA / "frame.data").read_bytes()[:SIZE]) == {7}
    publish(ring, bytes(SIZE))
    assert agent.step()


def test_a_view_outlives_everything(
    roots: Roots, ring: FrameRing, agent: SteppedAgent, attach: Attach
) -> None:
    """An array that is held shows its pixels when stream, export and files are gone: never a crash."""
    publish(ring, bytes([7]) * SIZE)
    agent.step()
    stream = attach()
    frame = next(stream)
    kept = [frame.y[3:5], np.asarray(frame), np.from_dlpack(frame) if NUMPY_SAYS_READ_ONLY else frame.uv]
    ring.close()
    agent.step()
    assert stream.next_frame(0) is None
    stream.close()
    del frame, stream
    gc.collect()
    assert [set(array.flat) for array in kept] == [{7}] * 3


def test_intact_tells_of_the_writer(ring: FrameRing, agent: SteppedAgent, attach: Attach) -> None:
    """A frame is intact until the writer begins to use its slot again, and never afterwards."""
    publish(ring, bytes([1]) * SIZE)
    agent.step()
    frame = next(attach())
    assert frame.intact
    publish(ring, bytes([2]) * SIZE)  # the other slot
    assert frame.intact
    ring.begin_frame()
    assert not frame.intact
    ring.commit(3)
    assert not frame.intact


def test_a_copy_is_whole(frame: Frame, ring: FrameRing) -> None:
    """A copy is the frame in memory of its own: the same pixels and numbers, writable, without gaps."""
    pixels = frame.nv12.copy()
    copy = frame.copy()
    assert copy is not None
    publish(ring, bytes(SIZE))
    publish(ring, bytes(SIZE))
    assert not frame.intact
    assert copy.intact
    assert np.array_equal(copy.nv12, pixels)
    assert np.array_equal(copy.y, pixels[:HEIGHT])
    assert np.array_equal(copy.uv, pixels[HEIGHT:].reshape(HEIGHT // 2, WIDTH // 2, 2))
    assert (copy.frame_id, copy.timestamp_ns, copy.width, copy.height) == (0, 1, WIDTH, HEIGHT)
    assert copy.stride == WIDTH == copy.nv12.strides[0]
    copy.uv[0, 0, 0] ^= 1
    assert copy.nv12[HEIGHT, 0] == pixels[HEIGHT, 0] ^ 1


def test_a_copy_of_an_overwritten_frame_is_none(frame: Frame, ring: FrameRing) -> None:
    """What cannot be had whole is not had at all."""
    publish(ring, bytes(SIZE))
    ring.begin_frame()
    assert frame.copy() is None


def test_the_age_is_that_of_the_frames_clock(ring: FrameRing, agent: SteppedAgent, attach: Attach) -> None:
    """age_ns counts from the timestamp, by CLOCK_MONOTONIC."""
    begun = time.monotonic_ns()
    publish(ring, bytes(SIZE), begun)
    agent.step()
    frame = next(attach())
    age = frame.age_ns
    assert 0 < age <= time.monotonic_ns() - begun
    assert frame.age_ns > age


def test_the_age_of_version_1_is_wall_clock(roots: Roots, agent: SteppedAgent, attach: Attach) -> None:
    """A version 1 frame carries wall-clock time, so its age is counted by that clock."""
    folder = roots.export / CAMERA
    folder.mkdir(parents=True)
    begun = time.time_ns()
    Version1Writer(folder).write(0, begun)
    agent.step()
    frame = next(attach())
    assert 0 < frame.age_ns <= time.time_ns() - begun


@pytest.mark.parametrize("version", [1, 2])
def test_its_time_is_wall_clock(roots: Roots, agent: SteppedAgent, attach: Attach, version: int) -> None:
    """Whatever clock its timestamp is of, ``time`` is of the wall clock, in seconds."""
    begun = time.time()
    if version == 1:
        (roots.export / CAMERA).mkdir(parents=True)
        Version1Writer(roots.export / CAMERA).write(0, time.time_ns() - 5 * 10**9)
    else:
        publish(
            FrameRing(str(roots.export / CAMERA), WIDTH, HEIGHT, STRIDE, 2),
            bytes(SIZE),
            time.monotonic_ns() - 5 * 10**9,
        )
    agent.step()
    assert begun - 5.1 < next(attach()).time < time.time() - 4.9


def test_a_frame_knows_whose_it_is(frame: Frame) -> None:
    """Camera, model and shape stand on the frame, and on its copy."""
    for one in (frame, frame.copy()):
        assert one is not None
        assert (one.camera_id, one.model_id, one.shape) == (CAMERA, "person", (HEIGHT, WIDTH))


def test_a_frame_tells_how_it_is_meant(roots: Roots, agent: SteppedAgent, attach: Attach) -> None:
    """Range, matrix and damage are those of the frame's own record, and of its copy; None is not said."""
    stream = attach()
    for picture in (Picture(), Picture("full", "bt2020")):
        ring = FrameRing(str(roots.export / CAMERA), WIDTH, HEIGHT, STRIDE, 2, picture)
        for timestamp_ns, damaged in ((1, True), (2, False)):
            ring.begin_frame()
            ring.commit(timestamp_ns, damaged=damaged)
            agent.step()
            frame = next(stream)
            for one in (frame, frame.copy()):
                assert one is not None
                assert (one.range, one.matrix, one.damaged) == (picture.range, picture.matrix, damaged)
        ring.close()


def test_a_view_is_not_pickled_and_its_copy_is(frame: Frame) -> None:
    """A view of shared memory is refused in words; a copy comes out of a pickle as it was, and intact."""
    for attempt in (pickle.dumps, shallow_copy, deepcopy):
        with pytest.raises(
            SharedMemoryError, match=r"a frame is a view of shared memory: send frame\.copy\(\)"
        ):
            attempt(frame)
    sent = frame.copy()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        got = pickle.loads(pickle.dumps(sent, protocol))  # noqa: S301 - made in this line
        assert sent is not None
        assert np.array_equal(got.nv12, frame.nv12)
        assert np.array_equal(got.uv, frame.uv)
        assert np.shares_memory(got.nv12, got.y)
        numbers = ("frame_id", "timestamp_ns", "camera_id", "model_id", "shape", "range", "damaged")
        assert [getattr(got, name) for name in numbers] == [getattr(frame, name) for name in numbers]
        assert got.intact
        assert got.nv12.flags.writeable


def test_a_version_1_frame_is_a_view_as_well(roots: Roots, agent: SteppedAgent, attach: Attach) -> None:
    """A version 1 frame never changes, but its memory is shared all the same."""
    (roots.export / CAMERA).mkdir(parents=True)
    Version1Writer(roots.export / CAMERA).write(0, 1)
    agent.step()
    frame = next(attach())
    assert frame.intact
    with pytest.raises(SharedMemoryError):
        pickle.dumps(frame)
    sent = pickle.dumps(frame.copy())
    assert pickle.loads(sent).frame_id == 0  # noqa: S301 - made in the line before


def test_a_stream_is_not_copied(attach: Attach) -> None:
    """Copying or pickling a stream is refused, and what to do instead is said."""
    stream = attach()
    for attempt in (pickle.dumps, shallow_copy, deepcopy):
        with pytest.raises(SharedMemoryError, match=r"use ruth\.attach\('front-door', 'person'\) where"):
            attempt(stream)
    assert not stream.closed


def test_a_frame_shows_what_it_is(frame: Frame) -> None:
    """The repr tells id, time and geometry, and looks at nothing else."""
    assert repr(frame) == "Frame(frame_id=0, timestamp_ns=1, 16x8, stride=32)"


def test_a_frame_is_fixed(frame: Frame) -> None:
    """Nothing about a frame can be set."""
    for name in ("nv12", "y", "uv", "frame_id", "timestamp_ns", "age_ns", "width", "intact", "range", "else"):
        with pytest.raises(AttributeError):
            setattr(frame, name, 0)


def test_a_frame_is_an_array(frame: Frame) -> None:
    """np.asarray gives the very memory, np.array and another type a copy of its own."""
    assert np.shares_memory(np.asarray(frame), frame.nv12)
    copied = np.array(frame)
    assert copied.flags.writeable
    assert not np.shares_memory(copied, frame.nv12)
    assert np.array_equal(np.asarray(frame, dtype=np.float32), frame.nv12)


@pytest.mark.skipif(not NUMPY_SAYS_READ_ONLY, reason="numpy 2.1 was the first to say read-only")
def test_dlpack_is_read_only(frame: Frame) -> None:
    """A consumer of DLPack 1.0 gets the very memory, marked read-only."""
    array = np.from_dlpack(frame)
    assert np.shares_memory(array, frame.nv12)
    assert not array.flags.writeable
    assert frame.__dlpack_device__() == (1, 0)


@pytest.mark.parametrize("asked", [{}, {"max_version": None}, {"max_version": (0, 8)}, {"copy": False}])
def test_an_older_dlpack_is_told_why(frame: Frame, asked: dict[str, Any]) -> None:
    """A consumer that cannot take read-only memory gets an error that says what to do, and no memory."""
    with pytest.raises(BufferError, match=r"read-only.*frame\.copy\(\)"):
        frame.__dlpack__(**asked)


class OlderArray(np.ndarray[Any, Any]):
    """An array of numpy before 2.1, which knows no version of DLPack."""

    def __dlpack__(self, *, stream: object = None) -> Any:
        assert self.flags.writeable, f"asked for memory that is read-only, without a word on that: {stream}"
        return np.asarray(self).__dlpack__()


def test_an_older_numpy_is_told_why(frame: Frame) -> None:
    """A numpy that cannot mark memory read-only gives none out; the error says what to do."""
    views = Nv12Views(*(view.view(OlderArray) for view in frame._views))
    older = Frame(0, 0, views, frame._origin, frame._found)
    with pytest.raises(BufferError, match=r"numpy 2\.1.*frame\.copy\(\)"):
        older.__dlpack__(max_version=(1, 0))


def test_an_older_numpy_gives_a_copy_out(frame: Frame) -> None:
    """A copy is writable: a numpy that knows no version of DLPack gives it out all the same."""
    copy = frame.copy()
    assert copy is not None
    views = Nv12Views(*(view.view(OlderArray) for view in copy._views))
    older = Frame(0, 0, views, copy._origin, copy._found)
    assert np.array_equal(np.from_dlpack(older), frame.nv12)
    assert type(older.__dlpack__(max_version=(1, 0))).__name__ == "PyCapsule"


def test_another_device_is_refused(frame: Frame) -> None:
    """A consumer that wants the pixels elsewhere than in the host's memory is told so."""
    for copy in (None, True):
        with pytest.raises(BufferError, match="not on device"):
            frame.__dlpack__(dl_device=(2, 0), max_version=(1, 0), copy=copy)


class OldConsumer:
    """A consumer of DLPack before 1.0: it passes no version, as torch before 2.8 and numpy before 2.1 do."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __dlpack__(self, **_: object) -> Any:
        return self._frame.__dlpack__(copy=True)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._frame.__dlpack_device__()


def test_a_copy_goes_to_any_dlpack(frame: Frame) -> None:
    """A consumer that asks for a copy gets one of its own, whatever its version."""
    array = np.from_dlpack(OldConsumer(frame))
    assert np.array_equal(array, frame.nv12)
    assert not np.shares_memory(array, frame.nv12)
    copy = frame.copy()
    assert copy is not None
    assert np.array_equal(np.from_dlpack(copy), frame.nv12)
    if NUMPY_SAYS_READ_ONLY:
        assert np.from_dlpack(copy).flags.writeable
        assert np.from_dlpack(frame, copy=True).flags.writeable
    assert type(copy.__dlpack__()).__name__ == "PyCapsule"  # what an older consumer asks for


def test_the_buffer_protocol_is_read_only(frame: Frame) -> None:
    """Buffers of a frame cannot be written, and a process that asks for one to write into is refused."""
    buffers = [memoryview(frame.nv12), frame.__buffer__(0)]
    if sys.version_info >= (3, 12):
        buffers.append(memoryview(frame))
    for buffer in buffers:
        assert buffer.readonly
        assert buffer.tolist() == frame.nv12.tolist()
    with pytest.raises(BufferError, match="read-only"):
        frame.__buffer__(1)
    with open("/dev/zero", "rb", buffering=0) as zeros, pytest.raises((TypeError, ValueError)):
        zeros.readinto(frame.nv12[0])


def test_nothing_is_allocated_in_proportion_to_a_frame(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Ten thousand frames of 1080p come and go with a few hundred bytes each: no pixel is copied."""
    exporter.close()
    large = FrameRing(str(roots.export / CAMERA), 1920, 1080, 1920, 4)
    large.begin_frame()
    large.commit(0)
    agent.step()
    stream = attach()
    assert next(stream).y[0, 0] == 0
    tracemalloc.start()
    try:
        for number in range(1, 500):
            large.begin_frame()
            large.commit(number)
            agent.step()
            frame = next(stream)
            assert frame.uv.shape == (540, 960, 2)
            assert frame.intact
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert stream.received == 500
    assert peak < 100_000  # a frame has 3,110,400 bytes
    large.close()


def test_arrays_are_made_once_for_each_slot(ring: FrameRing, agent: SteppedAgent, attach: Attach) -> None:
    """Frames that pass through one slot share its arrays; there are as many as slots."""
    stream = attach()
    arrays = []
    for number in range(6):
        publish(ring, bytes([number]) * SIZE, number)
        agent.step()
        arrays.append(next(stream).nv12)
    assert len({id(array) for array in arrays}) == 2
    assert all(array is arrays[number % 2] for number, array in enumerate(arrays))


def test_the_package_gives_frame_stream_and_attach() -> None:
    """``ruth`` itself offers what a model author needs, and nothing that is not there."""
    assert ruth.Frame.__module__ == "ruth.runtime.frame"
    assert ruth.Stream.__module__ == ruth.attach.__module__ == "ruth.runtime.stream"
    with pytest.raises(AttributeError, match="no attribute 'detach'"):
        ruth.detach  # type: ignore[attr-defined]  # noqa: B018 - the look-up is the test
