from __future__ import annotations

import array
import ctypes
import inspect
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from harness.exports import newest, read_meta
from ruth.errors import InvalidIdError
from ruth.export.layout import (
    SLOT_COUNT_DEFAULT,
    slot_record_offset,
    unpack_record,
    unpack_ring,
)
from ruth.vas.exporter import NULL_EXPORTER, FrameExporter, NullExporter, open_exporter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes, Roots
    from harness.published import Messages

WIDTH, HEIGHT = 16, 8
FRAME_SIZE = WIDTH * HEIGHT * 3 // 2
FRAME = bytes(range(FRAME_SIZE))

# Prints the modules that running VAS with the flag off has loaded; exporting is attempted in every way.
FLAG_OFF = """
import sys
from ruth.vas.exporter import open_exporter
exporter = open_exporter("front-door", 1920, 1080)
assert not exporter.enabled and exporter.begin_frame() is None and not exporter.publish(b"", 1)
exporter.close()
print(*sys.modules)
"""


@pytest.fixture
def exporter(roots: Roots, messages: Messages) -> Iterator[FrameExporter]:
    """An exporter of 16 x 8 pixels with the flag on, closed afterwards."""
    opened = open_exporter("front-door", WIDTH, HEIGHT, environ=roots.environ(), report=messages)
    assert isinstance(opened, FrameExporter)
    yield opened
    opened.close()


# --- the flag ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", [None, "", "0", "false", "off", "no", "2", "enabled", " true"])
def test_without_the_flag_there_is_nothing(roots: Roots, messages: Messages, flag: str | None) -> None:
    """Flag off: the exporter that does nothing, no directory, no file, no message."""
    environ = roots.environ(flag=flag)
    assert open_exporter("front-door", WIDTH, HEIGHT, environ=environ, report=messages) is NULL_EXPORTER
    assert not roots.export.exists()
    assert messages == []


@pytest.mark.parametrize("flag", ["true", "1", "yes", "on", "TRUE", "On"])
def test_with_the_flag_frames_are_exported(roots: Roots, messages: Messages, flag: str) -> None:
    """Flag on: an exporter whose frames stand below the root that the environment names."""
    exporter = open_exporter("front-door", WIDTH, HEIGHT, environ=roots.environ(flag=flag), report=messages)
    assert exporter.enabled
    assert exporter.publish(FRAME, 5)
    assert newest(roots.export / "front-door") == (0, 5, FRAME)
    exporter.close()
    assert messages == []


def test_flag_off_loads_nothing(roots: Roots, processes: Processes) -> None:
    """Flag off: neither the ring nor what maps memory is even imported, and the root does not appear."""
    process = processes.start(
        sys.executable, "-c", FLAG_OFF, env=roots.environ(flag=None), stdout=subprocess.PIPE, text=True
    )
    loaded = set(process.communicate(timeout=60)[0].split())
    assert process.returncode == 0
    assert "ruth.vas.exporter" in loaded
    assert loaded.isdisjoint({"numpy", "mmap", "ctypes", "ruth.vas.ring", "ruth.vas.files", "ruth.futex"})
    assert not roots.export.exists()


def test_the_null_exporter_has_the_whole_interface() -> None:
    """A decoder can call on either exporter whatever it can call on the other, with the same arguments."""

    def interface(kind: type) -> dict[str, list[str] | None]:
        members = {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}
        return {
            name: list(inspect.signature(member).parameters) if callable(member) else None
            for name, member in members.items()
        }

    assert interface(NullExporter) == interface(FrameExporter)


def test_the_null_exporter_does_nothing() -> None:
    """Nothing that is called on it has an effect, and it holds no memory of its own."""
    assert (NULL_EXPORTER.enabled, NULL_EXPORTER.published, NULL_EXPORTER.problem) == (False, 0, None)
    assert NULL_EXPORTER.begin_frame() is None  # type: ignore[func-returns-value]
    assert not NULL_EXPORTER.commit(1)
    assert not NULL_EXPORTER.publish(FRAME, 1)
    NULL_EXPORTER.abandon()
    NULL_EXPORTER.close()
    assert not hasattr(NULL_EXPORTER, "__dict__")


@pytest.mark.parametrize("flag", ["true", None])
def test_an_id_that_is_none_is_a_mistake_of_the_program(roots: Roots, flag: str | None) -> None:
    """A camera id that no path may be built from raises, whatever the flag says."""
    with pytest.raises(InvalidIdError):
        open_exporter("../front-door", WIDTH, HEIGHT, environ=roots.environ(flag=flag))
    assert not roots.export.exists()


def test_a_root_given_beats_the_environment(roots: Roots) -> None:
    """The root argument is the export root; the one of the environment is not touched."""
    environ = roots.environ()
    exporter = open_exporter("front-door", WIDTH, HEIGHT, root=str(roots.state), environ=environ)
    assert os.listdir(roots.state) == ["front-door"]
    assert not roots.export.exists()
    exporter.close()


def test_stride_and_slots_are_those_asked_for(roots: Roots) -> None:
    """Stride is the width unless given, and the ring has as many slots as the layout says unless given."""
    exporter = open_exporter("front-door", WIDTH, HEIGHT, environ=roots.environ())
    meta = read_meta(roots.export / "front-door")
    assert (unpack_record(meta).stride, unpack_ring(meta).slot_count) == (WIDTH, SLOT_COUNT_DEFAULT)
    exporter.close()
    exporter = open_exporter("front-door", WIDTH, HEIGHT, stride=64, slot_count=2, environ=roots.environ())
    meta = read_meta(roots.export / "front-door")
    assert (unpack_record(meta).stride, unpack_ring(meta).slot_count) == (64, 2)
    exporter.close()


# --- frames -----------------------------------------------------------------------------------------------


def test_begin_and_commit_publish_a_frame(roots: Roots, exporter: FrameExporter) -> None:
    """What is written into the buffer of begin_frame is seen after commit, and not before."""
    for n in range(6):
        buffer = exporter.begin_frame()
        assert buffer is not None
        buffer[:] = bytes([n]) * FRAME_SIZE
        assert exporter.published == n
        assert unpack_ring(read_meta(roots.export / "front-door")).wake == n
        assert exporter.commit(100 + n) is True
        assert newest(roots.export / "front-door") == (n, 100 + n, bytes([n]) * FRAME_SIZE)
    assert (exporter.published, exporter.enabled, exporter.problem) == (6, True, None)


def whole_frames() -> dict[str, object]:
    """The same frame as every kind of contiguous buffer."""
    rows = np.frombuffer(FRAME, np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
    return {
        "bytes": FRAME,
        "bytearray": bytearray(FRAME),
        "memoryview": memoryview(FRAME),
        "array": array.array("B", FRAME),
        "flat numpy": rows.ravel(),
        "numpy rows": rows.copy(),
        "read-only numpy": rows,
        "numpy of words": np.frombuffer(FRAME, np.uint32),
        "numpy of big-endian words": np.frombuffer(FRAME, ">u4"),
        "ctypes": (ctypes.c_uint8 * FRAME_SIZE)(*FRAME),
    }


@pytest.mark.parametrize("kind", whole_frames())
def test_any_contiguous_buffer_of_the_right_size_is_a_frame(
    roots: Roots, exporter: FrameExporter, kind: str
) -> None:
    """Publish copies a whole frame from any contiguous buffer, whatever its shape."""
    assert exporter.publish(whole_frames()[kind], 9)  # type: ignore[arg-type]
    assert newest(roots.export / "front-door") == (0, 9, FRAME)


def released_view() -> memoryview:
    """A memoryview that was released before."""
    view = memoryview(FRAME)
    view.release()
    return view


def refused_frames() -> dict[str, object]:
    """What is not a frame: of another size, of another type, or not in one piece."""
    return {
        "empty": b"",
        "one byte short": FRAME[:-1],
        "one byte long": FRAME + b"\0",
        "two frames": FRAME * 2,
        "None": None,
        "text": "x" * FRAME_SIZE,
        "list": list(FRAME),
        "number": FRAME_SIZE,
        "every second byte": memoryview(FRAME * 2)[::2],
        "backwards": np.frombuffer(FRAME, np.uint8)[::-1],
        "without rows": np.zeros((0, WIDTH), np.uint8),
        "numpy dates": np.zeros(FRAME_SIZE // 8, "datetime64[s]"),
        "released view": released_view(),
    }


@pytest.mark.parametrize("kind", refused_frames())
def test_what_is_no_frame_leaves_one_message(
    roots: Roots, exporter: FrameExporter, messages: Messages, kind: str
) -> None:
    """A buffer that does not fit never raises: it is not published, and one message says why for good."""
    frame = refused_frames()[kind]
    assert exporter.publish(frame, 1) is False  # type: ignore[arg-type]
    assert exporter.publish(frame, 2) is False  # type: ignore[arg-type]
    assert exporter.publish(FRAME[1:], 3) is False
    assert len(messages) == 1
    assert "a frame " in messages[0]
    assert exporter.problem == messages[0]
    assert unpack_ring(read_meta(roots.export / "front-door")).wake == exporter.published == 0


def test_decoding_goes_on_after_a_refused_frame(roots: Roots, exporter: FrameExporter) -> None:
    """An exporter that refused a frame is still enabled, and the next good frame is the next id."""
    assert exporter.publish(FRAME, 1)
    assert not exporter.publish(b"short", 2)
    assert exporter.enabled
    assert exporter.publish(FRAME, 3)
    assert newest(roots.export / "front-door") == (1, 3, FRAME)


@pytest.mark.parametrize("timestamp_ns", [0, 1, 2**63, 2**64 - 1])
def test_every_timestamp_of_the_header_is_published(
    roots: Roots, exporter: FrameExporter, timestamp_ns: int
) -> None:
    """A timestamp from 0 to 2^64 - 1 is published as it is."""
    assert exporter.publish(FRAME, timestamp_ns)
    assert newest(roots.export / "front-door") == (0, timestamp_ns, FRAME)


@pytest.mark.parametrize("timestamp_ns", [-1, 2**64, 1.5, "1"])
def test_a_timestamp_out_of_range_leaves_one_message(
    roots: Roots, exporter: FrameExporter, messages: Messages, timestamp_ns: object
) -> None:
    """A timestamp that the header cannot carry never raises: nothing is published, the frame is given up."""
    assert not exporter.publish(FRAME, timestamp_ns)  # type: ignore[arg-type]
    exporter.begin_frame()
    assert not exporter.commit(timestamp_ns)  # type: ignore[arg-type]
    assert not exporter.commit(1)
    assert messages == [f"timestamp_ns {timestamp_ns!r}, allowed 0 to 2^64 - 1"]
    assert unpack_record(read_meta(roots.export / "front-door")).sequence == 0


def test_a_commit_without_begin_publishes_nothing(
    roots: Roots, exporter: FrameExporter, messages: Messages
) -> None:
    """A frame is committed once, and only after it was begun."""
    assert not exporter.commit(1)
    exporter.begin_frame()
    assert exporter.commit(2)
    assert not exporter.commit(3)
    assert messages == ["commit() without begin_frame()"]
    assert unpack_ring(read_meta(roots.export / "front-door")).wake == 1


def test_begin_twice_is_one_frame(roots: Roots, exporter: FrameExporter) -> None:
    """A second begin_frame gives the same buffer, and one commit publishes it."""
    first, second = exporter.begin_frame(), exporter.begin_frame()
    assert first is not None
    assert second is not None
    first[:] = FRAME
    assert bytes(second) == FRAME
    assert exporter.commit(1)
    assert newest(roots.export / "front-door") == (0, 1, FRAME)


def test_an_abandoned_frame_is_never_seen(roots: Roots, exporter: FrameExporter) -> None:
    """A frame given up does not become visible; its id and its buffer are the next frame's."""
    exporter.publish(FRAME, 1)
    buffer = exporter.begin_frame()
    assert buffer is not None
    buffer[:] = b"x" * FRAME_SIZE
    exporter.abandon()
    assert not exporter.commit(2)
    assert newest(roots.export / "front-door") == (0, 1, FRAME)
    assert unpack_record(read_meta(roots.export / "front-door"), slot_record_offset(1)).sequence % 2 == 1
    exporter.publish(FRAME[::-1], 3)
    assert newest(roots.export / "front-door") == (1, 3, FRAME[::-1])


def test_a_closed_exporter_does_nothing(roots: Roots, exporter: FrameExporter, messages: Messages) -> None:
    """After close every call is refused in silence, and close can be called again."""
    exporter.begin_frame()
    exporter.close()
    exporter.close()
    assert exporter.begin_frame() is None
    assert not exporter.commit(1)
    assert not exporter.publish(FRAME, 1)
    assert not exporter.publish(None, 1)  # type: ignore[arg-type]
    exporter.abandon()
    assert not exporter.enabled
    assert messages == []
    assert os.listdir(roots.export / "front-door") == []
